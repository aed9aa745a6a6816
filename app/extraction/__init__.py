"""Text and structure out of any document, in a child process with limits."""

"""What a client of HTTP/1.1 needs: connections that keep deadlines, answers read."""

"""Brazilian Portuguese."""

TEXTS = {
    "error.internal_error": "Algo deu errado do nosso lado.",
    "error.not_found": "Não há nada neste endereço.",
    "error.method_not_allowed": "Este endereço não aceita esse método.",
    "error.bad_request": "Não foi possível ler a requisição: {reason}.",
    "error.invalid_input": "Alguns campos não são válidos.",
    "error.unsupported_media_type": "Este endereço aceita {expected}.",
    "error.body_too_large": "O corpo é maior que {limit}.",
    "error.head_too_large": "Linha de requisição e cabeçalhos passam de {limit}.",
    "error.unauthorized": "É preciso uma credencial válida.",
    "error.invalid_credentials": "E-mail e senha não conferem.",
    "error.forbidden": "Seu papel não permite isto.",
    "error.forbidden_to_key": "A chave precisa de um escopo para isto: {expected}.",
    "error.registration_closed": "O cadastro está fechado; fale com o administrador.",
    "error.setup_token_required": (
        "A primeira conta é criada na própria máquina do servidor, ou com o token de"
        " instalação que o servidor registra ao iniciar."
    ),
    "error.email_taken": "Já existe uma conta com este e-mail.",
    "error.too_many_login_attempts": (
        "Tentativas demais de login; tente de novo mais tarde."
    ),
    "error.assistant_not_found": "Este assistente não existe.",
    "error.user_not_found": "Este usuário não existe.",
    "error.last_admin": "Este é o último administrador ativo.",
    "error.key_not_found": "Esta chave não existe.",
    "error.too_many_keys": "O assistente já tem todas as chaves que pode ter.",
    "error.chat_not_found": "Esta conversa não existe.",
    "error.chat_ambiguous": (
        "Várias conversas têm este id de canal; use o id da própria conversa."
    ),
    "error.chat_assigned": "Outro atendente responde nesta conversa.",
    "error.chat_not_human": "Nenhuma pessoa está com esta conversa.",
    "error.message_not_found": "Esta mensagem não existe.",
    "error.document_not_found": "Este documento não existe.",
    "error.document_exists": (
        "O assistente já tem um documento com este nome ou endereço; envie"
        " replace=true para substituí-lo."
    ),
    "error.document_too_large": "O arquivo é maior que {limit}.",
    "error.document_quota_exceeded": (
        "Os documentos do assistente passariam de {limit}."
    ),
    "error.too_many_documents": (
        "O assistente tem tantos documentos quanto pode ter: {limit}."
    ),
    "error.document_type_unsupported": (
        "Arquivos deste tipo não são lidos: {expected}."
    ),
    "error.document_not_text": "O conteúdo do arquivo não é texto.",
    "error.document_encoding_unknown": (
        "A codificação do texto é desconhecida; salve o arquivo em UTF-8."
    ),
    "error.document_not_read": "O arquivo não pode ser lido. {reason}",
    "error.document_empty": "O arquivo não contém texto.",
    "error.import_refused": "O arquivo não pode ser importado: {reason}.",
    "error.address_refused": "Este endereço não pode ser lido.",
    "error.address_unreadable": "Não foi possível ler o endereço: {reason}.",
    "error.address_too_large": "O que há neste endereço é maior que {limit}.",
    "error.in_progress": "Esta mensagem está sendo respondida.",
    "error.idempotency_mismatch": (
        "Esta Idempotency-Key ou este message_id foi usado para outra mensagem."
    ),
    "error.provider_rate_limited": (
        "O provedor do modelo passou do limite de requisições."
    ),
    "error.provider_unavailable": "O provedor do modelo não respondeu direito.",
    "error.provider_suspended": (
        "O provedor do modelo falhou repetidamente; ele recebe uma pausa."
    ),
    "error.provider_timeout": "O provedor do modelo demorou demais.",
    "error.provider_interrupted": "A resposta foi cortada.",
    "error.provider_invalid_answer": (
        "O provedor do modelo respondeu algo inutilizável."
    ),
    "error.provider_refused": (
        "O provedor do modelo recusou a requisição; confira a chave e o modelo."
    ),
    "error.busy": "O servidor está ocupado; tente de novo em instantes.",
    "error.chat_busy": (
        "Mensagens anteriores desta conversa ainda estão sendo respondidas; esta foi"
        " guardada."
    ),
    "error.store_unavailable": "O banco de dados não está disponível agora.",
    "error.storage_full": "Não há espaço para guardar isto.",
    "document.interrupted": (
        "O processamento foi interrompido; envie o arquivo de novo."
    ),
    "document.broken": (
        "O arquivo está danificado; abra-o, salve-o de novo e envie-o outra vez."
    ),
    "document.crashed": (
        "A leitura do arquivo falhou; salve-o de novo ou em outro formato e reenvie-o."
    ),
    "document.empty": "O arquivo não contém texto.",
    "document.encoding_unknown": (
        "A codificação do texto é desconhecida; salve o arquivo em UTF-8."
    ),
    "document.encrypted": (
        "O arquivo está protegido por senha; salve-o sem senha e envie-o outra vez."
    ),
    "document.no_text": (
        "As páginas são imagens sem texto; faça antes o reconhecimento de texto (OCR)."
    ),
    "document.not_that_format": (
        "O arquivo não é o que o nome diz; salve-o no formato da sua extensão."
    ),
    "document.too_large": (
        "Descompactado, o arquivo é maior que o limite de leitura; divida-o em menores."
    ),
    "document.too_long": (
        "O arquivo tem mais texto ou colunas do que se lê; divida-o em menores."
    ),
    "document.too_much_memory": (
        "A leitura do arquivo exige memória demais; divida-o ou simplifique-o."
    ),
    "document.too_slow": (
        "A leitura do arquivo demora mais que o permitido; divida-o em menores."
    ),
    "document.unembedded": (
        "É encontrado pelas palavras, mas não pelo significado: o provedor dos vetores"
        " não os forneceu."
    ),
    "document.unsupported": "Arquivos deste tipo não são lidos.",
    "offline.found": "Dos meus documentos:",
    "offline.greeting": "Olá! Eu sou {name}. Como posso ajudar?",
    "offline.thanks": "Por nada!",
    "offline.unknown": "Não encontrei isso nos meus documentos.",
    "auth.registered": "Conta criada.",
    "auth.logged_out": "Sessão encerrada.",
    "auth.password_changed": "Senha alterada; todas as outras sessões terminaram.",
    "timeline.takeover": "{name} assumiu a conversa.",
    "timeline.release": "{name} devolveu a conversa ao assistente.",
    "timeline.assign": "{name} atribuiu a conversa a {assigned_name}.",
    "timeline.unassign": "{name} deixou a conversa para quem vier.",
    "timeline.close": "{name} encerrou a conversa.",
    "timeline.activate": "{name} ligou o assistente.",
    "timeline.deactivate": "{name} desligou o assistente.",
    "timeline.reopened": "O contato escreveu de novo: a conversa está aberta.",
    "timeline.asked_for_person": "O contato pediu uma pessoa.",
    "timeline.asked_for_bot": "O contato pediu o assistente.",
    "timeline.returned": (
        "Nenhum atendente escreveu por muito tempo: o assistente volta a responder."
    ),
    "field.no_attendant": "não indica quem possa atender por este assistente",
    "field.cursor": "não é um cursor nosso",
    "field.characters": "contém caracteres que não são texto",
    "field.object": "deve ser um objeto JSON",
    "field.blank": "não pode ficar em branco",
    "field.filename": "não tem um nome de arquivo utilizável",
    "field.address_form": "não é um endereço como https://example.com/pagina",
    "field.address_scheme": "deve começar com http:// ou https://",
    "field.address_credentials": "não pode conter nome de usuário nem senha",
    "field.address_port": "indica uma porta que não é lida",
    "field.address_not_public": "não leva a um servidor na internet pública",
    "field.address_own": "é um endereço deste servidor",
    "field.idempotency_key": "deve ter no máximo 256 caracteres",
    "field.common_password": "é uma das primeiras senhas que se tentam",
    "field.not_future": "deve estar no futuro",
    "field.duplicate": "contém algo repetido",
    "field.owner_member": "nomeia o proprietário",
    "field.unknown_user": "não corresponde a nenhum usuário",
    "field.read_only": "não pode ser alterado",
    "field.null": "não pode ser nulo",
    "field.contradiction": "contradiz esta lista",
    "field.missing": "é obrigatório",
    "field.extra_forbidden": "não é um campo conhecido",
    "field.string_type": "deve ser um texto",
    "field.int_type": "deve ser um número inteiro",
    "field.float_type": "deve ser um número",
    "field.bool_type": "deve ser true ou false",
    "field.string_too_short": "deve ter ao menos {min_length} caracteres",
    "field.string_too_long": "deve ter no máximo {max_length} caracteres",
    "field.string_pattern_mismatch": "tem uma forma não permitida",
    "field.greater_than_equal": "deve ser no mínimo {ge}",
    "field.less_than_equal": "deve ser no máximo {le}",
    "field.enum": "deve ser um destes: {expected}",
    "field.literal_error": "deve ser um destes: {expected}",
    "field.too_long": "deve ter tamanho de no máximo {max_length}",
    "field.too_short": "deve ter tamanho de ao menos {min_length}",
    "field.value_error": "não é válido",
    "field.int_parsing": "deve ser um número inteiro",
    "field.int_parsing_size": "é um número grande demais",
    "field.int_from_float": "deve ser um número inteiro",
    "field.greater_than": "deve ser mais que {gt}",
    "field.less_than": "deve ser menos que {lt}",
    "field.finite_number": "deve ser um número finito",
    "field.date_from_datetime_parsing": "deve ser uma data como 2026-11-20",
    "field.date_parsing": "deve ser uma data como 2026-11-20",
    "field.date_type": "deve ser uma data como 2026-11-20",
    "field.date_from_datetime_inexact": "deve ser uma data sem hora",
    "field.instant": "deve ser um momento como 2026-11-20T08:30:00Z",
    "field.tuple_type": "deve ser uma lista",
    "field.list_type": "deve ser uma lista",
    "field.float_parsing": "deve ser um número",
    "field.dict_type": "deve ser um objeto",
    "field.model_type": "deve ser um objeto",
    "field.model_attributes_type": "deve ser um objeto",
    "reason.unclear": "não foi entendida",
    "reason.host": "Host desconhecido",
    "reason.depth": "aninhada demais",
    "reason.utf8": "não está em UTF-8",
    "reason.json": "não é JSON válido",
    "reason.duplicate": "uma chave aparece duas vezes em um objeto",
    "reason.constant": "NaN e infinitos não são JSON",
    "reason.number": "um número é grande demais",
    "reason.address_timeout": "demorou demais",
    "reason.address_unreachable": "ninguém responde lá",
    "reason.address_certificate": "o certificado dele não é válido",
    "reason.address_broken": "a resposta foi interrompida",
    "reason.address_malformed": "a resposta não é HTTP válido",
    "reason.address_encoding": "a resposta tem uma codificação que não é lida",
    "reason.address_redirects": "ele leva a outros endereços vezes demais",
    "reason.import_archive": "não é um arquivo zip, ou está danificado",
    "reason.import_entries": "contém mais do que um assistente pode ter documentos",
    "reason.import_name": "uma entrada tem um nome que não é permitido",
    "reason.import_kind": "uma entrada é uma pasta, um link ou um dispositivo",
    "reason.import_encrypted": "uma entrada está criptografada",
    "reason.import_method": "uma entrada está comprimida de um modo que não é lido",
    "reason.import_twice": "uma entrada ou um documento aparece duas vezes",
    "reason.import_overlap": "há entradas sobrepostas",
    "reason.import_unlisted": "uma entrada não consta de documents.json",
    "reason.import_missing": "falta uma entrada",
    "reason.import_large": "uma entrada é maior do que pode ser",
    "reason.import_size": "uma entrada tem outro tamanho que o de documents.json",
    "reason.import_hash": "uma entrada tem outro conteúdo que o de documents.json",
    "reason.import_damaged": "uma entrada está danificada",
    "reason.import_json": "uma entrada não é JSON válido",
    "reason.import_fields": "uma entrada tem campos demais desconhecidos ou errados",
    "reason.import_format": "não é a exportação de um assistente",
    "reason.import_version": "está em outra versão do formato",
    "expected.other": "outro tipo",
    "limit.unknown": "o limite",
}

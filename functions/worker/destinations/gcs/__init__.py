"""Cloud Storage: the report's files, and a manifest that names them."""

"""The text_collection tool: documents in, passages found by meaning and by word."""

"""The exact-bytes HTTP/1.1 client towards the merchant, and its header rules."""

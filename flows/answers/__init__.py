"""What the commands answer, as types: their fields are the public keys; docs/json.md is made from them."""

"""Collections of models in TOML files: shipped ones and the user's own."""

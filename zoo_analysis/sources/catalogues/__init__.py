"""Collections of models in TOML files: those that come with the package, and the user's own."""

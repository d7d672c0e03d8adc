"""Of what goes on in a store now: small files beside the tables, which writers leave and remove."""

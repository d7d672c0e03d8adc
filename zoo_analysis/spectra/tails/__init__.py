"""Laws of a spectrum's tail: fitted, compared, estimated without a fit."""

"""Commands with commands of their own: `zoo accuracies`, `zoo catalog`, `zoo store`."""

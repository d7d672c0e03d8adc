"""Commands with commands of their own, such as `zoo store`, and what is looked at: `zoo report`."""

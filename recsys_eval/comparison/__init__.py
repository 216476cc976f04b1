"""Methods of personalisation side by side: `coverlift compare`."""

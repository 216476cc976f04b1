"""Pages and services for working together: assigning, mentions, figures for leads, telling outside."""

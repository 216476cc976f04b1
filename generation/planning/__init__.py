"""What to paint tonight: item x segment units by expected clicks gained, within a budget."""

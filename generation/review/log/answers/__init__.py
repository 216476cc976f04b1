"""What people's answers about a cover come to, and who stands behind them."""

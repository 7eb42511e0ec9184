"""The decisions of the office, and the statements behind them."""

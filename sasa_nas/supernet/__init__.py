"""One-shot supernets: one training of shared weights, by which every design of a space is judged.

Of a block, the operators and batch norm behind them are each design's own; everything else is shared.
"""

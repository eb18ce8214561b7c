"""One-shot supernets: one training of shared weights, by which every design of a space is judged.

Every operator of a stage has blocks of its own; designs share those that they have in common, stem and classifier.
"""

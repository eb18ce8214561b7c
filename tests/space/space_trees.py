"""Random designs as plain data, made from the papers' rules alone, for Hypothesis."""

from typing import Any

from hypothesis import strategies as st

Tree = dict[str, Any]

ODD = st.sampled_from([1, 3, 5, 7, 9])
RATIOS = st.sampled_from([0.1, 0.25, 0.5, 1.0])

OPERATORS: st.SearchStrategy[Tree] = st.one_of(
    st.fixed_dictionaries({"kind": st.just("conv")}, optional={"kernel_size": ODD}),
    st.fixed_dictionaries(
        {"kind": st.just("local_attention"), "num_heads": st.sampled_from([1, 2, 4])},
        optional={
            "kernel_size": ODD,
            "positions": st.sampled_from(["none", "absolute", "relative"]),
            "interactions": st.sampled_from(["content", "both"]),
            "padding": st.sampled_from(["mask", "zeros"]),
        },
    ),
    st.fixed_dictionaries(
        {"kind": st.just("augmented_conv")},
        optional={
            "num_heads": st.sampled_from([1, 2, 8]),
            "key_ratio": RATIOS,
            "value_ratio": RATIOS,
            "min_key_dim": st.integers(1, 30),
            "positions": st.sampled_from(["none", "sine", "coordconv", "relative"]),
            "downsample": st.booleans(),
        },
    ),
    st.fixed_dictionaries(
        {"kind": st.just("pairwise")},
        optional={
            "kernel_size": ODD,
            "relation": st.sampled_from(["sum", "subtraction", "hadamard", "concatenation", "dot"]),
            "key_ratio": RATIOS,
            "mapping_layers": st.integers(1, 3),
            "positions": st.booleans(),
        },
    ),
    st.fixed_dictionaries(
        {"kind": st.just("patchwise")},
        optional={"relation": st.sampled_from(["star", "clique", "concatenation"]), "share_channels": st.just(4)},
    ),
    st.fixed_dictionaries(
        {"kind": st.just("global_attention"), "num_heads": st.sampled_from([1, 2, 4])},
        optional={"positions": st.sampled_from(["none", "relative"])},
    ),
)

STEMS: st.SearchStrategy[Tree] = st.one_of(
    st.fixed_dictionaries(
        {"kind": st.just("conv")},
        optional={"width": st.integers(1, 80), "stride": st.integers(1, 4), "pool": st.booleans(), "kernel_size": ODD},
    ),
    st.fixed_dictionaries(
        {"kind": st.just("attention"), "width": st.sampled_from([8, 16, 64])},
        optional={
            "num_heads": st.sampled_from([1, 2, 4]),
            "kernel_size": st.integers(2, 6),
            "values": st.sampled_from(["plain", "conv_values", "spatially_aware"]),
            "pool": st.booleans(),
        },
    ),
)

STAGES: st.SearchStrategy[Tree] = st.fixed_dictionaries(
    {},
    optional={
        "blocks": st.integers(1, 4),
        "width": st.sampled_from([16, 32, 64]),
        "stride": st.integers(1, 2),
        "operator": OPERATORS,
    },
)

ARCHITECTURES: st.SearchStrategy[Tree] = st.fixed_dictionaries(
    {"stages": st.lists(STAGES, min_size=1, max_size=4)},
    optional={
        "block": st.sampled_from(["bottleneck", "basic", "preactivation", "san"]),
        "head_width": st.none() | st.integers(1, 64),
        "stem": STEMS,
        "image": st.fixed_dictionaries(
            {}, optional={"channels": st.integers(1, 4), "height": st.integers(1, 300), "width": st.integers(1, 300)}
        ),
        "num_classes": st.integers(1, 1000),
    },
)

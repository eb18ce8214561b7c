"""Text that means something to a terminal, a browser, a reader of Markdown, a shell or a file system."""

NASTY = {
    "clear screen": "\x1b[2J\x1b[H",
    "clipboard": "\x1b]52;c;ZXZpbA==\x07",
    "c1 control": "\x9b31m\x85",
    "right to left": "abc\u202efed\u2066",
    "lines": "one\r\n\u2028two",
    "nul": "a\0b",
    "markup": "</script></svg>]]>--><script>alert(1)</script><img src=x onerror=alert(1)>\"'`",
    "jinja": "{{ 7 * 7 }}{% include '/etc/passwd' %}",
    "rich": "[red]x[/red] :smile: [/]",
    "markdown": "| a | [x](javascript:alert(1)) ![i](http://h/i.png) `c` **b** <b> # h",
    "long": "x" * 2**20,
    "half a character": "\ud800",
    "up": "../../../../etc/passwd",
}
"""By what it tries."""

EVERYTHING = "".join(text for name, text in NASTY.items() if name not in ("long", "half a character"))

"""The tenancy map as a Mermaid flowchart for Markdown, while it stays under GitHub's limits."""

from ..model.report import Report
from .escape import mermaid_text
from .graph import Graph, graph

MAX_CHARACTERS = 50_000
MAX_EDGES = 500
_CLASSES = (
    "classDef rootTable fill:#1f3a5f,color:#ffffff,stroke:#1f3a5f",
    "classDef tenantTable fill:#eef3f8,color:#14202e,stroke:#1f3a5f",
    "classDef inheritedTable fill:#ffffff,color:#14202e,stroke:#1f3a5f,stroke-dasharray:4 3",
    "classDef globalTable fill:#f1f1ee,color:#14202e,stroke:#8a8a84",
    "classDef exemptTable fill:#f1f1ee,color:#14202e,stroke:#8a8a84,stroke-dasharray:2 2",
    "classDef unclassifiedTable fill:#fdecea,color:#7d1007,stroke:#b3261e,stroke-width:2px",
)


def mermaid(report: Report) -> str:
    """Return the flowchart, or an empty text where there is nothing to draw or it would be too large.

    Limits: Mermaid's `maxTextSize` (50,000) and `maxEdges` (500), which GitHub leaves as they are.
    """
    if not report.tenancy.identified or not report.tables:
        return ""
    drawn = graph(report)
    if len(drawn.edges) + len(drawn.loops) > MAX_EDGES:
        return ""
    text = "\n".join(_lines(drawn))
    return text if len(text) < MAX_CHARACTERS else ""


def _lines(drawn: Graph) -> list[str]:
    lines = ["flowchart LR"]
    lines += [_node(drawn, n) for n in sorted(drawn.layer)]
    for table_class, members in drawn.apart.items():
        if members:
            lines.append(f'  subgraph {table_class}_tables["{table_class}"]')
            lines += ["  " + _node(drawn, n) for n in members]
            lines.append("  end")
    red = []
    for place, edge in enumerate((*drawn.edges, *drawn.loops)):
        arrow = "-->"
        if edge.safe is False:
            arrow = f'-. "✗ {mermaid_text(", ".join(edge.columns))}" .->'
            red.append(place)
        lines.append(f"  t{edge.parent + 1} {arrow} t{edge.child + 1}")
    lines += [f"  {line}" for line in _CLASSES if any(line.split()[1] in said for said in lines)]
    if red:
        lines.append(f"  linkStyle {','.join(map(str, red))} stroke:#b3261e,color:#7d1007")
    return lines


def _node(drawn: Graph, number: int) -> str:
    table = drawn.tables[number]
    left, right = ("([", "])") if table.table_class == "root" else ("[", "]")
    return f'  t{number + 1}{left}"{mermaid_text(table.label)}"{right}:::{_class(table.table_class)}'


def _class(name: str) -> str:
    """Return a style name; a bare ``root`` would restyle Mermaid's own elements of that class."""
    known = ("root", "tenant", "inherited", "global", "exempt")
    return (name if name in known else "unclassified") + "Table"

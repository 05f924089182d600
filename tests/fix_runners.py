"""CI runners, as far as they listen to what a step writes, and GitHub's Markdown."""

import re
from html.parser import HTMLParser

RUNNER = {
    *("add-mask", "add-matcher", "add-path", "debug", "echo", "endgroup", "error", "group", "notice"),
    *("remove-matcher", "save-state", "set-env", "set-output", "stop-commands", "warning"),
}
_V2 = re.compile(r"::([^ :]+)( .*?)?::(.*)")
_V1 = re.compile(r"##\[([^ \]]+)( [^\]]*)?\](.*)")


def obeyed(text: str) -> list[str]:
    """The names of the commands that GitHub's runner obeys: at a line's start after blanks, or with ## anywhere,
    but between stop-commands and its word. Source: actions/runner, ActionCommand.cs and ActionCommandManager.cs."""
    found, word = [], ""
    for line in re.split(r"\r\n|\r|\n", text):
        command = _V2.match(line.lstrip()) or _V1.search(line)
        if command is None:
            continue
        name = command[1].lower()
        if word:
            word = "" if command[1] == word else word
        elif name == "stop-commands":
            word = command[3]
        elif name in RUNNER:
            found.append(name)
    return found


def others_obey(text: str) -> list[str]:
    """What Azure's agent, TeamCity and GitLab would take for commands."""
    return re.findall(r"##vso\[|##teamcity\[|section_(?:start|end):\d+:\w+\r", text)


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.texts: list[str] = []
        self.prose: list[str] = []
        self._code = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]
        self.tags |= {
            f"{tag} {name}" for name, _ in attrs if name not in ("href", "id", "class", "align", "start")
        }
        self._code += tag in ("code", "pre")

    def handle_endtag(self, tag: str) -> None:
        self._code -= tag in ("code", "pre")

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        if not self._code:
            self.prose.append(data)

    def handle_comment(self, _data: str) -> None:
        self.texts.append("\0")  # what GitHub looks for links in is one text node
        self.prose.append("\0")


# GitHub looks for these in the text nodes outside of code. Source: GitHub documentation, "Autolinked references".
_NOTIFIES = re.compile(
    r"(?:^|(?<=\W))@[A-Za-z\d]|#\d|\bGH-\d|(?<![\w-])[0-9a-f]{7,40}\b|https?://|\bwww\.|\$\S.*\S\$",
    re.IGNORECASE,
)


def as_github_shows(markdown: str) -> _Page:
    """Markdown as GitHub's own parser reads it, with its extensions and with HTML left in."""
    import cmarkgfm
    from cmarkgfm.cmark import Options

    page = _Page()
    page.feed(
        cmarkgfm.github_flavored_markdown_to_html(
            markdown, Options.CMARK_OPT_UNSAFE | Options.CMARK_OPT_FOOTNOTES
        )
    )
    return page


def links_in(prose: list[str]) -> list[str]:
    """What GitHub would make of text outside of code: mentions, issues, commits, pictures, formulas."""
    return [found[0] for node in "".join(prose).split("\0") if (found := _NOTIFIES.search(node))]

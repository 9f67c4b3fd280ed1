"""What a browser finds wrong with our pages: errors, refused resources, foreign hosts."""

from dataclasses import dataclass, field

from playwright.sync_api import ConsoleMessage, Error, Page, Request, Response


# Without slots: Playwright keeps its wrappers on the object whose methods it calls.
@dataclass
class Complaints:
    """What the browser found wrong during one test."""

    home: str
    heard: list[str] = field(default_factory=list)
    forgiven: list[str] = field(default_factory=list)

    def forgive(self, text: str) -> None:
        """Expect complaints that contain this text: the test provokes them."""
        self.forgiven.append(text)

    def unforgiven(self) -> list[str]:
        """What nobody expected."""
        return [text for text in self.heard if not any(part in text for part in self.forgiven)]

    def listen(self, page: Page) -> None:
        """Hear everything this page complains about."""
        page.on("console", self._on_console)
        page.on("pageerror", self._on_error)
        page.on("response", self._on_response)
        page.on("request", self._on_request)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.heard.append(f"console: {message.text} ({message.location.get('url', '')})")

    def _on_error(self, error: Error) -> None:
        self.heard.append(f"uncaught: {error.message}")

    def _on_response(self, response: Response) -> None:
        if response.status >= 500:
            self.heard.append(f"{response.status} from {response.url}")

    def _on_request(self, request: Request) -> None:
        ours = (self.home, self.home.replace("http", "ws", 1), "blob:", "about:")
        if not request.url.startswith(ours):
            self.heard.append(f"a request to somebody else: {request.url}")

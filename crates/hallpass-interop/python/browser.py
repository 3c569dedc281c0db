"""Just enough of a browser: cookies, redirects, and the forms of the sign-in, consent and sign-out pages."""

from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import requests

MOST_PAGES = 20


class Browser:
    """A browser of one person."""

    def __init__(self, user):
        self.user = user
        self.session = requests.Session()

    def walk(self, url, end=None, page_with=None):
        """Answers every page until the server sends the browser to an address that begins with `end`, or until a page
        has an element of the id `page_with`. Returns that address, or the page's text."""
        fields = None
        for _ in range(MOST_PAGES):
            if fields is None:
                response = self.session.get(url, allow_redirects=False, timeout=20)
            else:
                parts = urlsplit(url)
                origin = {"Origin": f"{parts.scheme}://{parts.netloc}"}
                response = self.session.post(url, data=fields, headers=origin, allow_redirects=False, timeout=20)
            fields = None
            if response.is_redirect:
                url = urljoin(url, response.headers["Location"])
                if end and url.startswith(end):
                    return url
                continue
            page = Page(response.text)
            if page_with and page_with in page.ids:
                return response.text
            if response.status_code != 200:
                raise AssertionError(f"{url.split('?')[0]} answered {response.status_code}: {response.text[:400]}")
            action, fields = self.answer(page)
            url = urljoin(url, action)
        raise AssertionError("the pages do not end")

    def answer(self, page):
        for form, button in (("login", "sign-in"), ("consent", "allow"), ("logout", "logout-yes")):
            if form in page.forms:
                action, fields, buttons = page.forms[form]
                fields = dict(fields)
                if form == "login":
                    fields.update(username=self.user["username"], password=self.user["password"])
                name, value = buttons.get(button, (None, None))
                if name:
                    fields[name] = value
                return action, fields
        raise AssertionError(f"a page without a known form: {sorted(page.ids)}")


class Page(HTMLParser):
    """The forms of a page by their ids: action, fields, and buttons by their ids."""

    def __init__(self, text):
        super().__init__()
        self.ids = set()
        self.forms = {}
        self.inside = None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if "id" in attrs:
            self.ids.add(attrs["id"])
        if tag == "form" and "id" in attrs:
            self.inside = (attrs.get("action") or "", {}, {})
            self.forms[attrs["id"]] = self.inside
        elif self.inside and tag == "input" and attrs.get("name"):
            checkbox = attrs.get("type") == "checkbox"
            if not checkbox or "checked" in attrs:
                value = attrs.get("value")
                self.inside[1][attrs["name"]] = value if value is not None else ("on" if checkbox else "")
        elif self.inside and tag == "button" and attrs.get("name"):
            self.inside[2][attrs.get("id")] = (attrs["name"], attrs.get("value") or "")

    def handle_endtag(self, tag):
        if tag == "form":
            self.inside = None

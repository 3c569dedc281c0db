// Just enough of a browser: cookies, redirects, and the forms of the sign-in, consent and sign-out pages.

const MOST_PAGES = 20;

/** A browser of one person. */
export class Browser {
  #cookies = new Map();

  constructor(user) {
    this.user = user;
  }

  /** Opens an address and answers every page until the server sends the browser to an address that begins with `end`. */
  async walk(start, end) {
    let visit = { url: new URL(start) };
    for (let pages = 0; pages < MOST_PAGES; pages += 1) {
      const response = await this.#send(visit);
      const location = response.headers.get("location");
      if (response.status >= 300 && response.status < 400 && location) {
        visit = { url: new URL(location, visit.url) };
        if (visit.url.href.startsWith(end)) return visit.url;
        continue;
      }
      const page = await response.text();
      const form = response.status === 200 && this.#answer(page);
      if (!form) throw new Error(`${visit.url.pathname} answered ${response.status}: ${text(page)}`);
      visit = { url: new URL(form.action, visit.url), fields: form.fields };
    }
    throw new Error("the pages do not end");
  }

  /** Opens an address and answers every page until one has an element of that id. */
  async walkToPage(start, id) {
    let visit = { url: new URL(start) };
    for (let pages = 0; pages < MOST_PAGES; pages += 1) {
      const response = await this.#send(visit);
      const location = response.headers.get("location");
      if (response.status >= 300 && response.status < 400 && location) {
        visit = { url: new URL(location, visit.url) };
        continue;
      }
      const page = await response.text();
      if (page.includes(`id="${id}"`)) return page;
      const form = response.status === 200 && this.#answer(page);
      if (!form) throw new Error(`${visit.url.pathname} answered ${response.status}: ${text(page)}`);
      visit = { url: new URL(form.action, visit.url), fields: form.fields };
    }
    throw new Error("the pages do not end");
  }

  #answer(page) {
    const login = readForm(page, "login", "sign-in");
    if (login) {
      login.fields.set("username", this.user.username);
      login.fields.set("password", this.user.password);
      return login;
    }
    return readForm(page, "consent", "allow") ?? readForm(page, "logout", "logout-yes");
  }

  async #send({ url, fields }) {
    const headers = { accept: "text/html" };
    if (this.#cookies.size > 0) {
      headers.cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    }
    if (fields) headers.origin = url.origin;
    const response = await fetch(url, {
      method: fields ? "POST" : "GET",
      headers,
      body: fields,
      redirect: "manual",
    });
    for (const line of response.headers.getSetCookie()) {
      const [pair, ...attributes] = line.split(";").map((part) => part.trim());
      const [name, value] = [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)];
      const gone = value === "" || attributes.some((attribute) => /^max-age=(0|-)/i.test(attribute));
      if (gone) this.#cookies.delete(name);
      else this.#cookies.set(name, value);
    }
    return response;
  }
}

// The form of that id as it would be sent with the button of the other id. Our markup is regular enough for this.
function readForm(page, id, button) {
  const inside = page.match(new RegExp(`<form([^>]*\\bid="${id}"[^>]*)>([\\s\\S]*?)</form>`));
  if (!inside) return undefined;
  const fields = new URLSearchParams();
  for (const [tag] of inside[2].matchAll(/<(input|button)\b[^>]*>/g)) {
    const name = attribute(tag, "name");
    const type = attribute(tag, "type");
    if (!name) continue;
    if (tag.startsWith("<button")) {
      if (attribute(tag, "id") === button) fields.append(name, attribute(tag, "value") ?? "");
    } else if (type !== "checkbox" || /\schecked\b/.test(tag)) {
      fields.append(name, attribute(tag, "value") ?? (type === "checkbox" ? "on" : ""));
    }
  }
  return { action: attribute(inside[1], "action") ?? "", fields };
}

function attribute(tag, name) {
  return tag.match(new RegExp(`\\s${name}="([^"]*)"`))?.[1]
    .replace(/&#x([0-9a-f]+);/gi, (_, hex) => String.fromCodePoint(parseInt(hex, 16)))
    .replace(/&#([0-9]+);/g, (_, number) => String.fromCodePoint(Number(number)))
    .replaceAll("&quot;", '"').replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}

const text = (page) => page.replace(/<[^>]*>/g, " ").replace(/\s+/g, " ").trim().slice(0, 400);

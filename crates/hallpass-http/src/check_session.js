(function () {
  "use strict";
  var name = "COOKIE=";
  function held() {
    var found = "";
    document.cookie.split("; ").forEach(function (cookie) {
      if (cookie.indexOf(name) === 0) {
        found = cookie.slice(name.length);
      }
    });
    return found;
  }
  function encoded(digest) {
    var text = String.fromCharCode.apply(null, new Uint8Array(digest));
    return btoa(text).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  }
  window.addEventListener("message", function (event) {
    var asker = event.source;
    if (!asker || event.origin === "null" || typeof event.data !== "string") {
      return;
    }
    function answer(text) {
      asker.postMessage(text, event.origin);
    }
    var space = event.data.lastIndexOf(" ");
    var client = event.data.slice(0, Math.max(space, 0));
    var state = event.data.slice(space + 1);
    var dot = state.indexOf(".");
    if (!client || dot < 1 || dot === state.length - 1) {
      answer("error");
      return;
    }
    var salt = state.slice(dot + 1);
    var text = [client, event.origin, held(), salt].join(" ");
    crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)).then(function (digest) {
      answer(encoded(digest) + "." + salt === state ? "unchanged" : "changed");
    });
  });
})();

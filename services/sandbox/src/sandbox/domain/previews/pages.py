"""What a visitor sees where there is no app to show."""

from html import escape

OPENING = "/.atelier/opening"
"""Where an app will open: a page for a frame that is there before it, which wakes
nobody and runs what most apps load."""
OPENING_SCRIPT = "/src/opening.js"
"""The module of a template that this page runs, to have its packages compiled."""
OPENED = "/.atelier/opened"
"""Where a page asks whether there is an app to show; the answer waits for one."""
IS_OPEN = b"open"

_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
  body {{ font: 1rem/1.5 system-ui, sans-serif; margin: 0; padding: 2rem;
         min-height: calc(100vh - 4rem); display: grid; align-content: center;
         justify-items: center; gap: 1rem; color: CanvasText; background: Canvas }}
  h1 {{ font-size: 1.25rem; font-weight: 600; margin: 0 }}
  p {{ margin: 0; opacity: .75; max-width: 40rem; text-align: center }}
  pre {{ box-sizing: border-box; width: min(100%, 48rem); max-height: 50vh;
        overflow: auto; margin: 0; padding: 1rem; border-radius: .5rem;
        display: flex; flex-direction: column-reverse;
        font: .8125rem/1.5 ui-monospace, monospace; white-space: pre-wrap;
        background: color-mix(in srgb, CanvasText 6%, Canvas) }}
</style>
</head>
<body>
<main>
<h1>{title}</h1>
<p>{sentence}</p>
</main>
{log}
{script}
</body>
</html>
"""
# Each question is answered as soon as there is an app: no time passes between its first
# answer and its way to the screen.
_WHEN_OPEN = """\
<script>
(async () => {{
  for (;;) {{
    try {{
      const answer = await fetch("{opened}", {{cache: "no-store"}});
      if (answer.ok && (await answer.text()) === "{is_open}") return {go};
      if (answer.ok) continue;
    }} catch {{}}
    await new Promise((go) => setTimeout(go, 1000));
  }}
}})();
</script>
"""
# The page asks for itself and shows the newer one, without a flash, until there is
# something else than this page. This also wakes an app that sleeps.
_AGAIN = """\
<noscript><meta http-equiv="refresh" content="2"></noscript>
<script>
setInterval(async () => {
  try {
    const answer = await fetch(location.href, {headers: {accept: "text/html"}});
    if (answer.status !== 503) return location.reload();
    const next = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (next.body.innerText !== document.body.innerText)
      document.body.replaceChildren(...next.body.childNodes);
  } catch {}
}, 1000);
</script>
"""
# A browser keeps what it has compiled for what it has run twice. React's plugin wants a
# page to know it, and Vite's client to hear of changes, of which there are none here.
_PREPARING = f"""\
<script>
window.$RefreshReg$ = () => undefined;
window.WebSocket = class extends EventTarget {{
  readyState = 0; OPEN = 1; close() {{}}
}};
</script>
<script type="module" src="{OPENING_SCRIPT}"></script>
<script type="module">
if (location.search === "") setTimeout(() => location.replace("?again"), 500);
</script>
"""
LEAVE = """\
addEventListener("install", () => skipWaiting());
addEventListener("activate", (event) => event.waitUntil((async () => {
  for (const name of await caches.keys()) await caches.delete(name);
  await registration.unregister();
  for (const page of await clients.matchAll({type: "window"})) page.navigate(page.url);
})()));
"""
"""A service worker in the place of one that is gone: browsers would keep that, with all
that it shows of an app that is not there any more."""
_SOON = "The preview shows itself as soon as the app answers."


def waiting_page(
    doing: str | None,
    trouble: str | None,
    log: str,
    note: str | None = None,
    *,
    is_open: bool = False,
) -> str:
    """Return the page of an app that is not there yet, or not any more.

    A *note* says what is known where that is no *trouble*. Where the app *is_open*, and
    this comes in place of its answer, nothing but another answer is worth a reload.
    """
    title = doing or ("The app is not running" if trouble else "One moment")
    sentence = trouble or note or _SOON
    # In a reversed column, the end of what is too long is what shows.
    shown = f"<pre><span>{escape(log)}</span></pre>" if log else ""
    script = _AGAIN if is_open else _AGAIN + _when_open("location.reload()")
    return _page(title, sentence, shown, script)


def opening_page(*, prepares: bool) -> str:
    """Return the page in whose place an app will open; it *prepares* for that, or not.

    A frame around it is told before it goes, because it cannot see that.
    """
    script = _when_open(
        'parent.postMessage("atelier:open", "*"), location.replace("/")'
    )
    return _page("One moment", _SOON, "", script + (_PREPARING if prepares else ""))


def missing_page() -> str:
    """Return the page of a name that leads nowhere."""
    sentence = "The address is wrong, or the project was deleted."
    return _page("There is no preview here", sentence, "", "")


def _page(title: str, sentence: str, log: str, script: str) -> str:
    return _PAGE.format(
        title=escape(title), sentence=escape(sentence), log=log, script=script
    )


def _when_open(go: str) -> str:
    return _WHEN_OPEN.format(opened=OPENED, is_open=IS_OPEN.decode(), go=go)

"""What a visitor sees where there is no app to show."""

from html import escape

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
# The page asks for itself and shows the newer one, without a flash, until there is
# something else than this page.
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


def waiting_page(doing: str | None, trouble: str | None, log: str) -> str:
    """Return the page of an app that is not there yet, or not any more."""
    title = doing or ("The app is not running" if trouble else "One moment")
    sentence = trouble or "The preview shows itself as soon as the app answers."
    shown = f"<pre>{escape(log)}</pre>" if log else ""
    return _PAGE.format(
        title=escape(title), sentence=escape(sentence), log=shown, script=_AGAIN
    )


def missing_page() -> str:
    """Return the page of a name that leads nowhere."""
    return _PAGE.format(
        title="There is no preview here",
        sentence="The address is wrong, or the project was deleted.",
        log="",
        script="",
    )

import ReactMarkdown, { type Components } from "react-markdown";
import remarkGfm from "remark-gfm";

/** Nothing is loaded from anywhere and nothing opens by itself, whatever the model writes. */
const COMPONENTS: Components = {
  a: ({ href, children }) => (
    <a
      href={href}
      target="_blank"
      rel="noopener noreferrer"
      className="text-accent underline underline-offset-2 hover:text-accent-strong"
    >
      {children}
    </a>
  ),
  img: ({ alt }) => <span className="text-muted">[{alt === "" ? "picture" : alt}]</span>,
  input: ({ checked }) => (
    <input type="checkbox" aria-label="Item of a list" checked={checked === true} readOnly disabled />
  ),
  pre: ({ children }) => (
    <pre
      tabIndex={0}
      className="overflow-x-auto rounded-md bg-sunken p-3 font-mono text-xs leading-5 outline-offset-[-2px]"
    >
      {children}
    </pre>
  ),
};

const PLUGINS = [remarkGfm];

/** What a model has written, as text with structure; loaded with the first answer. */
export default function Markdown({ text }: { text: string }) {
  return (
    <div className="prose">
      <ReactMarkdown remarkPlugins={PLUGINS} components={COMPONENTS}>
        {text}
      </ReactMarkdown>
    </div>
  );
}

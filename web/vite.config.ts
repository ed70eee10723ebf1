import react from "@vitejs/plugin-react";
import { resolve } from "node:path";
import { defineConfig } from "vitest/config";

const PAGE_DIR = resolve(import.meta.dirname, "../labkit/api/static");
const WIDGET_DIR = resolve(import.meta.dirname, "../labkit/widgets/static");
const WIDGETS = ["chart", "ledger", "dashboard", "partitions", "group", "cluster_map", "lines", "figures"];

// One mode per thing that is built: `vite build --mode page`, `--mode chart`, and so on.
export default defineConfig(({ mode }) =>
  WIDGETS.includes(mode) ? widget(mode) : { ...page(), test: { environment: "happy-dom" } },
);

function page() {
  return {
    plugins: [react()],
    // Relative addresses: the page also works behind a prefix, such as JupyterLab's /proxy/8050/.
    base: "./",
    build: {
      outDir: PAGE_DIR,
      // The folder lies outside Vite's root, where it empties nothing unless told to.
      emptyOutDir: true,
      // Files, never data: addresses, which the page's content security policy refuses.
      assetsInlineLimit: 0,
    },
    server: {
      // `npm run dev` shows the page of a running API: LABKIT_API=http://127.0.0.1:8050 npm run dev
      proxy: { "/api": process.env.LABKIT_API ?? "http://127.0.0.1:8050" },
    },
  };
}

/** A notebook widget is one self-contained module: the kernel sends it to the browser as text. */
function widget(name: string) {
  return {
    // Vite leaves `process.env` in libraries for the next bundler; in a notebook there is none.
    define: { "process.env.NODE_ENV": JSON.stringify("production") },
    build: {
      outDir: WIDGET_DIR,
      emptyOutDir: name === WIDGETS[0],
      lib: {
        entry: resolve(import.meta.dirname, `src/widget/${name}.ts`),
        formats: ["es" as const],
        fileName: () => `${name}.js`,
        cssFileName: name,
      },
      // Vite leaves a library's blanks in for the next bundler; here the kernel sends each of them.
      rolldownOptions: { output: { minify: true } },
    },
  };
}

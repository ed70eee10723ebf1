import reactHooks from "eslint-plugin-react-hooks";
import { defineConfig } from "eslint/config";
import tseslint from "typescript-eslint";

// Imports go one way: shared folders, then the page's parts, then the app that composes them.
const SHARED = ["chart", "view", "polling", "panel", "download"]; // each may import those before it
const FEATURES =
  "controls explain figures heat latency pipeline rates readings status totals".split(" ");

/**
 * Forbid a folder to import from others.
 *
 * @param {string} folder
 * @param {string[]} forbidden
 * @param {string} message
 */
const layer = (folder, forbidden, message) => ({
  files: [`src/${folder}/**`],
  rules: {
    "no-restricted-imports": [
      "error",
      { patterns: [{ regex: `^\\.\\./(${forbidden.join("|")})/`, message }] },
    ],
  },
});

export default defineConfig(
  { ignores: ["node_modules"] },
  tseslint.configs.strictTypeChecked,
  tseslint.configs.stylisticTypeChecked,
  reactHooks.configs.flat.recommended,
  SHARED.map((folder, place) =>
    layer(
      folder,
      [...SHARED.slice(place + 1), ...FEATURES, "app", "widget"],
      "Imports go from shared folders to features to the app.",
    ),
  ),
  FEATURES.map((folder) =>
    layer(
      folder,
      [...FEATURES.filter((other) => other !== folder), "app", "widget"],
      "A feature imports shared folders only; the app composes features.",
    ),
  ),
  layer("app", ["widget"], "The page and the notebook widgets share only src/chart."),
  layer("widget", ["app", ...FEATURES, ...SHARED.slice(1)], "A widget imports only src/chart."),
  {
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: ["eslint.config.js"] },
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      // `${count} rows` is what templates are for.
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
    },
  },
);

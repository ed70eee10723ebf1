import type { Explanation } from "./explanations";

const INTRODUCTION = `# Reading the dashboard

The page that \`labkit up\` and \`lab.start_api()\` serve shows what simulated plants emit, seconds after each reading has passed
through Kafka. The button “Explain this page” shows this text, part by part. (Both come from
\`web/src/explain/explanations.ts\`; a test holds them together. After a change there: \`npm test -- -u\` in \`web/\`.)

## How to use it

- **Window**: choose how far back the charts look, from 1 minute to 24 hours; every window ends at the newest reading.
- **Filters**: press a bar, or a name in the legend. Active filters are shown at the top; press ✕ to remove one.
  The totals of one kind (say, countries) show everything that the *other* filters let through, so that you can add one more.
- **Share a view**: window, filters and the chart's shape are in the page's address. Copy it, or press the browser's Back button.
  The address also takes windows that no button has, in seconds: \`?window_s=7200\`.
- **Pause and step**: while paused, the page asks nothing; Step asks once.
- **Full screen** and **download**: CSV and JSON hold what the chart shows, PNG is its picture.
- **Keyboard**: everything is a button, a link or a radio button: Tab, Enter, and the arrow keys for the window.
- **Without seeing colours, or the page**: every chart has a sentence and a table with the same content; lines differ in dashes and marks.

On a phone and in a notebook, the chart comes first, and details unfold when their title is pressed. In JupyterLab the page follows
its theme.

When something is wrong, the page says what, how old the figures are, and which line to type. It recovers by itself.
`;

/** The text of docs/reading-the-dashboard.md. */
export function documentOf(explanations: readonly Explanation[]): string {
  const parts = explanations.map(
    ({ title, shows, read, alarming, stage }) =>
      `## ${title}\n\n**What it shows.** ${shows}\n\n**How to read it.** ${read}\n\n` +
      `**What would be alarming.** ${alarming}\n\n**Where it comes from.** ${stage}\n`,
  );
  return [INTRODUCTION, ...parts].join("\n");
}

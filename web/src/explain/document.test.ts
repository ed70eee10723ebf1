import { expect, it } from "vitest";

import { documentOf } from "./document";
import { EXPLANATIONS } from "./explanations";

it("is what docs/reading-the-dashboard.md says", async () => {
  await expect(documentOf(EXPLANATIONS)).toMatchFileSnapshot("../../../docs/reading-the-dashboard.md");
});

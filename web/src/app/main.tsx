import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { IN_NOTEBOOK, reportHeight } from "../view/frame";
import { App } from "./app";
import "./app.css";

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no element with the id root");
if (IN_NOTEBOOK) document.documentElement.dataset.frame = "notebook";
reportHeight();
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);

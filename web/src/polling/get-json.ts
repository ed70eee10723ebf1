/** The API answered with a problem, which has the next line to type. */
export class ApiProblem extends Error {
  constructor(
    readonly title: string,
    detail: string,
    readonly next: string,
    readonly status = 0,
  ) {
    super(detail);
  }
}

/** Neither the API nor a proxy answered: it has stopped, or the network to it is down. */
export class ApiGone extends Error {}

/** Ask for JSON at an address relative to the page, which may be served behind a prefix. */
export async function getJson<T>(path: string, signal: AbortSignal): Promise<T> {
  let response: Response;
  try {
    // "no-cache" still uses the browser's cache, after asking whether it is up to date (ETag, 304).
    response = await fetch(path, { signal, cache: "no-cache" });
  } catch (error) {
    // Aborted by the page itself: that does not mean that the API is gone.
    if (signal.aborted) throw signal.reason;
    throw new ApiGone("The API does not answer", { cause: error });
  }
  const type = response.headers.get("content-type") ?? "";
  if (response.ok && type.includes("json")) return (await response.json()) as T;
  if (type.includes("problem+json")) throw await problemOf(response);
  // A proxy in front of a stopped API answers with its own error page, whatever its status.
  throw new ApiGone("The API does not answer");
}

async function problemOf(response: Response): Promise<ApiProblem> {
  const problem = (await response.json()) as { title?: string; detail?: string; next?: string };
  const title = problem.title ?? `HTTP ${response.status}`;
  return new ApiProblem(title, problem.detail ?? title, problem.next ?? "", response.status);
}

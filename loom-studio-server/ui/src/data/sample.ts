import { ApiError } from './api';

/** The recording goes into a workspace of its own, so that it never mixes with what the user's applications send. */
export const SAMPLE_WORKSPACE = 'sample';

/** A part of the page's own files: JSON Lines as the server exports them, compressed. */
const RECORDING = '/sample/support-desk.jsonl.gz';

async function answered(request: Promise<Response>): Promise<Response> {
  let response: Response;
  try {
    response = await request;
  } catch (cause) {
    throw new ApiError({ code: 'unreachable', detail: String(cause), status: 0 });
  }
  if (response.ok) return response;
  let detail = response.statusText;
  try {
    detail = ((await response.json()) as { detail?: string }).detail ?? detail;
  } catch {
    // The status stands alone where the answer is no problem document.
  }
  throw new ApiError({ code: 'refused', detail, status: response.status });
}

/** Puts the recorded run into its workspace. Doing it again changes nothing. */
export async function loadSample(): Promise<void> {
  const file = await answered(fetch(RECORDING));
  if (file.body === null) throw new ApiError({ code: 'unreachable', detail: RECORDING, status: 0 });
  const lines = await new Response(file.body.pipeThrough(new DecompressionStream('gzip'))).blob();
  await answered(fetch(`/api/import?workspace=${SAMPLE_WORKSPACE}`, { method: 'POST', body: lines }));
}

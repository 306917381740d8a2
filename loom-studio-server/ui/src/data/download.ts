import { currentUrlState } from './useUrlState';

export type ExportFormat = 'jsonl' | 'csv' | 'chrome';

export interface ExportQuery {
  run_id?: number;
  session_id?: string;
  where?: string;
  format?: ExportFormat;
}

/** Where the server exports what `query` asks for. */
export function exportUrl(query: ExportQuery): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) params.set(name, String(value));
  const { workspace } = currentUrlState();
  if (workspace !== null) params.set('workspace', workspace);
  const search = params.toString();
  return search === '' ? '/api/export' : `/api/export?${search}`;
}

/** Has the browser save an export. */
export function download(query: ExportQuery): void {
  const link = document.createElement('a');
  link.href = exportUrl(query);
  link.download = `events.${query.format === 'csv' ? 'csv' : query.format === 'chrome' ? 'json' : 'jsonl'}`;
  link.click();
}

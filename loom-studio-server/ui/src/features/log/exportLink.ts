import { asCondition } from '../../data/condition';
import type { ExportFormat } from '../../data/download';
import type { UrlState } from '../../data/urlState';

export const EXPORT_FORMATS = ['jsonl', 'csv', 'chrome'] as const satisfies ExportFormat[];

const seconds = (us: number): string => `${String(Math.floor(us / 1e6))}.${String(us % 1e6).padStart(6, '0')}`;

/** Where the server has the events that the log shows, as a file. */
export function exportLink({ filter, run, range, session, workspace }: Pick<UrlState, 'filter' | 'run' | 'range' | 'session' | 'workspace'>, at: number | null, format: ExportFormat): string {
  const params = new URLSearchParams({ format });
  const set = (name: string, value: string | number | null): void => {
    if (value !== null && value !== '') params.set(name, String(value));
  };
  set('where', asCondition(filter));
  set('run_id', run);
  set('session_id', session);
  set('start_time', range === null ? null : seconds(range.fromUs));
  set('end_time', range === null ? null : seconds(range.toUs));
  set('up_to', at);
  set('workspace', workspace);
  return `/api/export?${params.toString()}`;
}

import { getJson } from './api';

export interface Session {
  id: string;
  workspace: string;
  first_seq: number;
  last_seq: number;
  first_time: string;
  last_time: string;
  events: number;
  errors: number;
  status: 'connected' | 'disconnected';
}

/** The Loom processes seen, the one with the newest event first. */
export async function fetchSessions(signal: AbortSignal): Promise<Session[]> {
  const { sessions } = (await getJson('/api/sessions', {}, signal)) as { sessions: Session[] };
  return sessions.sort((a, b) => b.last_seq - a.last_seq);
}

/** Deterministic events in the shapes that Loom's nodes send. */
export interface LoomEvent {
  specversion: '1.0';
  id: string;
  source: string;
  type: string;
  subject?: string;
  time: string;
  traceparent: string;
  causationid?: string;
  data: Record<string, unknown>;
  [extension: string]: unknown;
}

const START_MS = Date.UTC(2026, 0, 2, 3, 4, 5);
const TOPICS = ['weather in Berlin', 'price of copper', '周末行程', 'train to Lyon', 'release notes'];

/** The nodes a full run touches. */
export const RUN_NODES = [
  '/node/agent/planner',
  '/node/agent/writer',
  '/node/crew/master',
  '/node/router/front',
  '/node/tool/calculator',
  '/node/tool/search',
  '/user/sdk',
];

export class Traffic {
  #count = 0;
  #run = 0;
  #ms = START_MS;

  /** One run: the user asks a crew, which routes to agents, which call tools; every fourth run a tool fails. */
  run(): LoomEvent[] {
    this.#run += 1;
    const events: LoomEvent[] = [];
    const isFailing = this.#run % 4 === 0;
    const topic = TOPICS[this.#run % TOPICS.length] ?? '';
    const trace = this.#run.toString(16).padStart(32, '0');
    const add = (type: string, source: string, subject: string | null, data: Record<string, unknown>, cause?: LoomEvent): LoomEvent => {
      this.#count += 1;
      this.#ms += 3 + ((this.#count * 7) % 11);
      const event: LoomEvent = {
        specversion: '1.0',
        id: `e-${String(this.#count)}`,
        source,
        type,
        ...(subject === null ? {} : { subject }),
        time: new Date(this.#ms).toISOString(),
        traceparent: `00-${trace}-${this.#count.toString(16).padStart(16, '0')}-01`,
        ...(cause === undefined ? {} : { causationid: cause.id }),
        data,
      };
      events.push(event);
      return event;
    };
    const respond = (request: LoomEvent, result: Record<string, unknown>): LoomEvent =>
      add('node.response', request.subject ?? '', request.source, { request_id: request.id, result }, request);
    const call = (from: string, to: string, data: Record<string, unknown>, cause?: LoomEvent): LoomEvent =>
      add('node.request', from, to, data, cause);

    const asked = call('/user/sdk', '/node/crew/master', { task: `Report on ${topic}`, run: this.#run });
    const routed = call('/node/crew/master', '/node/router/front', { task: topic }, asked);
    const planned = call('/node/router/front', '/node/agent/planner', { task: topic }, routed);
    const thought = add('agent.thought', '/node/agent/planner', null, { thought: `First look up ${topic}.`, iteration: 1 }, planned);
    const searched = call('/node/agent/planner', '/node/tool/search', { arguments: { query: topic, limit: 5 } }, thought);
    respond(searched, isFailing ? { error: 'search index unavailable' } : { hits: [{ title: topic, score: 0.93 }] });
    const counted = call('/node/agent/planner', '/node/tool/calculator', { arguments: { expression: `${String(this.#run)} * 7` } }, thought);
    respond(counted, { value: this.#run * 7 });
    respond(planned, { response: `Plan for ${topic}`, iterations: 2 });
    respond(routed, { routed_to: 'agent/planner' });
    const written = call('/node/crew/master', '/node/agent/writer', { task: `Write about ${topic}`, notes: 'x'.repeat(260) }, asked);
    add('agent.thought', '/node/agent/writer', null, { thought: 'Short sentences.', iteration: 1 }, written);
    respond(written, { response: `Text on ${topic}`, iterations: 1 });
    respond(asked, { final_output: `Done: ${topic}`, trace: [] });
    return events;
  }

  runs(count: number): LoomEvent[] {
    return Array.from({ length: count }, () => this.run()).flat();
  }

  /** A call to a node that no run touches. */
  visit(node: string): LoomEvent {
    const [last] = this.runs(1).slice(0, 1);
    if (last === undefined) throw new Error('a run has events');
    return { ...last, id: `${last.id}-visit`, source: '/node/agent/planner', subject: node, data: { task: 'visit' } };
  }
}

// Generated from ../openapi.json by `npm run api`.

export type paths = Record<string, never>;
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description What became of posted events. */
        AppendedDto: {
            /**
             * Format: int64
             * @description Events that were already stored.
             */
            duplicates: number;
            /**
             * Format: int64
             * @description The first seq they got; null when nothing was added.
             */
            first_seq?: number | null;
            /**
             * Format: int64
             * @description The last seq they got.
             */
            last_seq?: number | null;
            /** @description Events that break a rule. */
            rejected: components["schemas"]["RejectedItem"][];
        };
        /** @description An edge of the graph. */
        EdgeDto: {
            /**
             * Format: int64
             * @description Requests that an interceptor blocked: nobody got them.
             */
            blocked: number;
            /**
             * Format: int64
             * @description Events sent along it.
             */
            count: number;
            /**
             * Format: int64
             * @description Calls that failed or were never answered.
             */
            errors: number;
            from: string;
            /** Format: int64 */
            last_seq: number;
            last_time: string;
            latency_ms?: components["schemas"]["LatencyDto"] | null;
            /**
             * Format: int64
             * @description Calls not answered yet.
             */
            open: number;
            to: string;
            /**
             * Format: double
             * @description What callers have waited for replies, in all, in milliseconds.
             */
            wait_ms: number;
        };
        /** @description One event with its surroundings. */
        EventDetail: {
            /** @description The CloudEvent, with Studio's attributes. */
            event: Record<string, never>;
            /** @description What it has to do with other events. */
            links: components["schemas"]["LinksDto"];
            /** @description What interceptors saw of it later. */
            observations: components["schemas"]["ObservationDto"][];
            /** @description The session it belongs to. */
            session_id: string;
            /** @description The node that sent it. */
            source: string;
            /** @description The node it is for. */
            target?: string | null;
            /** @description When it happened. */
            time: string;
        };
        /** @description A page of events, for the API description; the answer itself is written from stored bytes. */
        EventsPage: {
            /** @description The store's epoch. */
            epoch: string;
            /** @description CloudEvents as they were sent, with `studioseq`, `studioreceived` and, where known, `studiodispatched` and `studiopublished`. */
            events: {
                [key: string]: unknown;
            }[];
            /**
             * Format: int64
             * @description The newest position taken into account.
             */
            head_seq: number;
            /** @description Where the next page begins. */
            next_cursor?: string | null;
            /**
             * Format: int64
             * @description With `where`: how many events were looked at one by one; 0 when the indexes answered alone.
             */
            scanned?: number | null;
            /**
             * Format: int64
             * @description How many events match in all.
             */
            total: number;
            /** @description `exact`, or `at_least` when a text scan or a search by a condition stopped at its limit. */
            total_is: string;
        };
        /** @description What proved a node's facts. */
        EvidenceDto: {
            type?: components["schemas"]["ProofDto"] | null;
        };
        /** @description What became of an import. */
        Imported: {
            /**
             * Format: int64
             * @description Records stored.
             */
            added: number;
            /**
             * Format: int64
             * @description Records that were already stored.
             */
            duplicates: number;
            /**
             * Format: int64
             * @description Events read.
             */
            events: number;
            /** @description The first hundred of them. */
            first_rejected: components["schemas"]["RejectedLineDto"][];
            /**
             * Format: int64
             * @description Observations read.
             */
            observations: number;
            /** @description Records that break a rule, per code. */
            rejected: {
                [key: string]: number;
            };
        };
        /** @description Time from request to reply, in milliseconds. Relative error at most 1 %. */
        LatencyDto: {
            /** Format: double */
            p50: number;
            /** Format: double */
            p95: number;
            /** Format: double */
            p99: number;
        };
        /** @description The event at the other end of a link. */
        LinkDto: {
            id: string;
            /** Format: int64 */
            seq: number;
            source: string;
            target?: string | null;
            /** @description `causation` or `request_id`. */
            trust: string;
            type: string;
        };
        /** @description Links of one event. */
        LinksDto: {
            cause?: components["schemas"]["LinkDto"] | null;
            /** @description What was sent while it was being handled. */
            effects: components["schemas"]["LinkDto"][];
            request?: components["schemas"]["LinkDto"] | null;
            response?: components["schemas"]["LinkDto"] | null;
        };
        /** @description A node of the graph. */
        NodeDto: {
            /** Format: int64 */
            errors: number;
            /** Format: int64 */
            events: number;
            evidence: components["schemas"]["EvidenceDto"];
            /** Format: int64 */
            first_seq: number;
            id: string;
            /** Format: int64 */
            last_seq: number;
            last_time: string;
            /** @description What it registered with. */
            metadata: {
                [key: string]: unknown;
            };
            name: string;
            /** Format: int64 */
            open_calls: number;
            role?: string | null;
            /** @description `idle`, `running` or `error`. */
            status: string;
            status_reason?: string | null;
            /** @description `AgentNode`, `ToolNode`, `CrewNode`, `RouterNode`, `UserNode`, a registered name, or `Node`. */
            type: string;
            /**
             * Format: int64
             * @description The record by which it unregistered; `null` while it is registered or never was.
             */
            unregistered?: number | null;
        };
        /** @description An observation of an event. */
        ObservationDto: {
            at: string;
            /** @description Members that had changed by then. */
            changed: Record<string, never>;
            /** @description `pre`, `post`, `blocked`, `timeout` or `raised`. */
            phase: string;
            /** Format: int64 */
            seq: number;
        };
        /** @description A problem document (RFC 9457). */
        Problem: {
            /** @description What to branch on. Stable. */
            code: string;
            /** @description What happened, for people. */
            detail: string;
            /** @description With the code `invalid_condition`: words that could stand there. */
            expected?: string[] | null;
            /** @description With the code `invalid_condition`: where in the condition, in UTF-16 code units. */
            position?: number | null;
            /**
             * Format: int32
             * @description The HTTP status.
             */
            status: number;
            /** @description The status in words. */
            title: string;
            /** @description `urn:loom-studio:error:` and the code. */
            type: string;
        };
        /** @description The record that proved a fact. */
        ProofDto: {
            rule: string;
            /** Format: int64 */
            seq: number;
        };
        /** @description An entry that breaks a rule. */
        RejectedItem: {
            /** @description The rule's stable code. */
            code: string;
            /** @description The rule in words. */
            detail: string;
            /** @description Its index in `events`, or after them in `observations`. */
            index: number;
        };
        /** @description A record that breaks a rule. */
        RejectedLineDto: {
            /** @description The broken rule. */
            code: string;
            /** @description The rule in words. */
            detail: string;
            /**
             * Format: int64
             * @description Its line, counted from 1.
             */
            line: number;
        };
        /** @description One run of one Loom process. */
        SessionDto: {
            /** Format: int64 */
            errors: number;
            /** Format: int64 */
            events: number;
            /** Format: int64 */
            first_seq: number;
            first_time: string;
            id: string;
            /** Format: int64 */
            last_seq: number;
            last_time: string;
            /** @description `connected` while an ingest connection of the session is open, else `disconnected`. */
            status: string;
            workspace: string;
        };
        /** @description The sessions of a workspace. */
        SessionsDto: {
            /**
             * Format: int64
             * @description The position they are as of.
             */
            at: number;
            /** @description The store's epoch. */
            epoch: string;
            /** @description The one with the newest event first. */
            sessions: components["schemas"]["SessionDto"][];
        };
        /** @description A word on how the server is. */
        Status: {
            /** @description `ok` or `ready`. */
            status: string;
        };
        /** @description A graph. */
        TopologyDto: {
            /**
             * Format: int64
             * @description The position it was folded to.
             */
            at: number;
            edges: components["schemas"]["EdgeDto"][];
            /** @description The store's epoch. */
            epoch: string;
            /**
             * Format: int64
             * @description Events about a node or edge there was no room for (100,000 of each are kept).
             */
            left_out: number;
            nodes: components["schemas"]["NodeDto"][];
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export type operations = Record<string, never>;

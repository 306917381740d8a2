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
        /** @description Where a value comes from. */
        BlameDto: {
            /** @description The document, what the value is in, and the value. */
            levels: components["schemas"]["BlameLevelDto"][];
            /** @description Records known to have touched the value, what it is in or what is in it; oldest first. */
            touched: components["schemas"]["OriginDto"][];
            /**
             * Format: int64
             * @description How many changes of the document are no longer known.
             */
            touches_dropped: number;
        };
        /** @description One level on the way to a value. */
        BlameLevelDto: {
            changed: components["schemas"]["OriginDto"];
            path: string;
            written: components["schemas"]["OriginDto"];
        };
        /** @description What changed between two positions. Its members are absent unless they were asked for. */
        DiffDto_MemoryChangeDto: {
            /** @description At most 10,000 changes; of documents in an order in which they can be applied. */
            diff?: (components["schemas"]["MemoryChangeKindDto"] & {
                /** @description The record that caused it. */
                cause: components["schemas"]["OriginDto"];
                /** @description False when the cause is no longer known: then it is the last record that can have been it. */
                is_exact: boolean;
            })[];
            /**
             * Format: int64
             * @description The earlier position.
             */
            diff_from?: number;
            /** @description How many changes there are in all. */
            diff_total?: number;
        };
        /** @description What changed between two positions. Its members are absent unless they were asked for. */
        DiffDto_StateChangeDto: {
            /** @description At most 10,000 changes; of documents in an order in which they can be applied. */
            diff?: {
                /** @description The value that is there; absent when none is. In an array, what stood behind moves down. */
                after?: unknown;
                /** @description The value that was there; absent when none was. In an array, what stood there moves up. */
                before?: unknown;
                /** @description The record that caused it. */
                cause: components["schemas"]["OriginDto"];
                /** @description False when the cause is no longer known: then it is the last record that can have been it. */
                is_exact: boolean;
                /** @description Where (RFC 6901), once the changes before this one are applied. */
                path: string;
            }[];
            /**
             * Format: int64
             * @description The earlier position.
             */
            diff_from?: number;
            /** @description How many changes there are in all. */
            diff_total?: number;
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
        /** @description An entry. */
        EntryDto: {
            /** @description What changed anything of it last. */
            changed: components["schemas"]["OriginDto"];
            entry_id: string;
            /** Format: double */
            importance: number | null;
            /** @description The sender of that record. */
            node: string;
            /** @description The tier as reported. */
            reported_tier: string;
            role: string | null;
            /**
             * Format: int64
             * @description The record that wrote it.
             */
            seq: number;
            /** @description Entries it was made of by consolidation; null when it was not. */
            sources: string[] | null;
            /** @description `ephemeral`, `session`, `working`, `long_term`, or another name as reported. */
            tier: string;
            /** @description When it was remembered (RFC 3339). */
            timestamp: string;
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
        /** @description Something that could not be applied. */
        FaultDto: {
            /** @description Which of the event's operations or entries. */
            index: number;
            /** @description Its sender. */
            node: string;
            /** @description As docs/event-model.md has them. */
            reason: string;
            /**
             * Format: int64
             * @description The event.
             */
            seq: number;
        };
        /** @description The newest events, or parts of them, that could not be applied, oldest first. */
        FaultsDto: {
            faults: components["schemas"]["FaultDto"][];
            /**
             * Format: int64
             * @description How many before those were dropped.
             */
            faults_dropped: number;
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
        /** @description What can differ. */
        MemoryChangeKindDto: {
            entry: components["schemas"]["EntryDto"];
            /** @enum {string} */
            kind: "added";
        } | {
            entry: components["schemas"]["EntryDto"];
            from: string;
            /** @enum {string} */
            kind: "moved";
        } | {
            entry: components["schemas"]["EntryDto"];
            into: string | null;
            /** @enum {string} */
            kind: "evicted";
            reason: string | null;
        };
        /** @description What a node remembers. */
        MemoryDto: components["schemas"]["FaultsDto"] & components["schemas"]["DiffDto_MemoryChangeDto"] & {
            /**
             * Format: int64
             * @description The position it is as of.
             */
            at: number;
            /** @description With `entry`: what is known of it, oldest first. */
            blame?: components["schemas"]["StepDto"][];
            /** @description The store's epoch. */
            epoch: string;
            /** @description Consolidations, promotions, evictions and so on, oldest first; null when it reported no entries. */
            history: components["schemas"]["StepDto"][] | null;
            /**
             * Format: int64
             * @description How many steps before those were dropped.
             */
            history_dropped: number;
            /** @description A page of its entries, by tier, then in the order recorded; null when it reported none. */
            memory: components["schemas"]["RecalledDto"][] | null;
            node_id: string;
            /** @description The project state object; null when it reported none. */
            pso: unknown;
            pso_changed: components["schemas"]["OriginDto"] | null;
            pso_written: components["schemas"]["OriginDto"] | null;
            session_id: string;
            /** @description The tiers that hold something; null when it reported no entries. */
            tiers: {
                [key: string]: components["schemas"]["TierDto"];
            } | null;
            /** @description How many entries there are to page through. */
            total: number | null;
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
        /** @description A record and its sender. */
        OriginDto: {
            node: string;
            /** Format: int64 */
            seq: number;
        };
        /** @description A node in one session. */
        OwnerDto: {
            /** @description How many entries it holds; null when it reported a project state object alone. */
            entries: number | null;
            /**
             * Format: int64
             * @description The last record about its memory.
             */
            last_seq: number;
            node_id: string;
            session_id: string;
        };
        /** @description The nodes that reported a memory or a project state object. */
        OwnersDto: {
            /**
             * Format: int64
             * @description The position they are as of.
             */
            at: number;
            /** @description The store's epoch. */
            epoch: string;
            /**
             * Format: int64
             * @description Events about memory and state, of all workspaces, that there was no room for; 0 in all but hostile traffic.
             */
            left_out: number;
            /** @description By node, then session. */
            owners: components["schemas"]["OwnerDto"][];
            /** @description How many there are in all. */
            total: number;
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
        /** @description An entry with its content. */
        RecalledDto: components["schemas"]["EntryDto"] & {
            /** @description As reported; null unless `content_is` says `here`. */
            content: unknown;
            /** @description `here`, `not_reported`, `deleted` (by retention) or `over_limit`: then the page holds too much, and a smaller one that begins here has it. */
            content_is: string;
            /** @description What the program noted about it. */
            metadata: unknown;
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
        /** @description A value of a document. */
        StateDto: components["schemas"]["FaultsDto"] & components["schemas"]["DiffDto_StateChangeDto"] & {
            /**
             * Format: int64
             * @description The position it is as of.
             */
            at: number;
            /** @description With `blame`; absent when nothing is there. */
            blame?: components["schemas"]["BlameDto"];
            changed: components["schemas"]["OriginDto"] | null;
            /** @description The store's epoch. */
            epoch: string;
            /** @description The node, when the document is its project state object. */
            node_id?: string;
            /** @description Where (RFC 6901). */
            path: string;
            session_id: string;
            /** @description What is there; null with a `written` of null when nothing is. */
            value: unknown;
            written: components["schemas"]["OriginDto"] | null;
        };
        /** @description A word on how the server is. */
        Status: {
            /** @description `ok` or `ready`. */
            status: string;
        };
        /** @description Something that happened to a memory. */
        StepDto: components["schemas"]["StepKindDto"] & {
            /** @description The sender of that record. */
            node: string;
            /**
             * Format: int64
             * @description The record behind it.
             */
            seq: number;
        };
        /** @description What can happen to a memory. */
        StepKindDto: {
            entry_id: string;
            /** @enum {string} */
            kind: "written";
        } | {
            entry_id: string;
            /** @enum {string} */
            kind: "rewritten";
            /** Format: int64 */
            was: number;
        } | {
            entry_id: string;
            from: string;
            /** @enum {string} */
            kind: "promoted";
            to: string;
        } | {
            into: string | null;
            /** @enum {string} */
            kind: "consolidated";
            sources: string[];
        } | {
            entry_ids: string[];
            /** @enum {string} */
            kind: "evicted";
            reason: string | null;
        } | {
            entry_ids: string[];
            /** @enum {string} */
            kind: "cleared";
            tier: string | null;
        };
        /** @description One tier of a memory. */
        TierDto: {
            /** @description How many entries it holds. */
            entries: number;
            /** @description How many of them by the name the program has for the tier. */
            reported: {
                [key: string]: number;
            };
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

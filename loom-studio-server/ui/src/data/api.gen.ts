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
        /** @description An event that is part of a call. */
        AttachedDto: {
            /** Format: int64 */
            event: number;
            /** @description `causation`, `request_id`, `traceparent` or `structure`. */
            trust: string;
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
        /** @description A node on critical paths. */
        BottleneckDto: {
            /**
             * Format: int64
             * @description Calls to it on critical paths.
             */
            calls: number;
            /**
             * Format: int64
             * @description Time on critical paths spent in calls to it.
             */
            critical_nanos: number;
            /**
             * Format: int64
             * @description The part of it in which a caller waited although the call had ended in an error it never heard.
             */
            in_vain_nanos: number;
            node: string;
            /**
             * Format: int64
             * @description Runs on whose critical path it is.
             */
            runs: number;
            /**
             * Format: double
             * @description Of all critical paths, 0 to 1.
             */
            share: number;
            /** @description What it is; `null` when nothing is known of it. */
            type?: string | null;
        };
        /** @description Where the time of runs went. */
        BottlenecksDto: {
            /**
             * Format: int64
             * @description The length of all critical paths.
             */
            critical_nanos: number;
            /** @description The most time first. */
            nodes: components["schemas"]["BottleneckDto"][];
            /**
             * Format: int64
             * @description The runs that were looked at: the newest finished ones.
             */
            runs: number;
            /**
             * Format: int64
             * @description Finished runs that were not.
             */
            runs_left_out: number;
        };
        /** @description What the list of runs, over all workspaces, has had to let go of. */
        BoundsDto: {
            /**
             * Format: int64
             * @description Ambiguous events whose candidates are no longer known.
             */
            forgotten_ambiguous: number;
            /**
             * Format: int64
             * @description Calls that a late event can no longer join.
             */
            forgotten_calls: number;
            /**
             * Format: int64
             * @description Calls without a reply that are no longer taken for possible callers.
             */
            forgotten_open_calls: number;
            /**
             * Format: int64
             * @description References to events that never came.
             */
            forgotten_references: number;
            /**
             * Format: int64
             * @description Runs, the oldest first.
             */
            forgotten_runs: number;
            /**
             * Format: int64
             * @description Events that came when later ones of their session were placed already.
             */
            late_events: number;
            /**
             * Format: int64
             * @description Events that belong to no run.
             */
            outside: number;
        };
        /** @description A condition to stop at. */
        BreakpointDto: {
            /** @description As docs/conditions.md has it. `duration` is not known here. */
            condition: string;
            /** @description Chosen by the client, at most 128 bytes; unique in the session. */
            id: string;
        };
        /** @description The breakpoints of a session. */
        Breakpoints: {
            breakpoints: components["schemas"]["BreakpointDto"][];
        };
        /** @description Calls by how they ended. */
        CallCountsDto: {
            /** Format: int64 */
            answered: number;
            /**
             * Format: int64
             * @description Stopped by an interceptor.
             */
            blocked: number;
            /**
             * Format: int64
             * @description Of the answered: with an error.
             */
            failed: number;
            /**
             * Format: int64
             * @description Of the answered: without an error, when the caller had given up.
             */
            late: number;
            /**
             * Format: int64
             * @description Not answered yet.
             */
            open: number;
            /**
             * Format: double
             * @description Failed, late and unanswered calls as a share of answered and unanswered ones; `null` before the first is over.
             */
            rate?: number | null;
            /**
             * Format: int64
             * @description Not answered when the caller had given up.
             */
            unanswered: number;
        };
        /** @description One call. */
        CallDto: {
            /** @description The requests of the calls it may have been made in then, of this run or others; at most 16. */
            candidates: number[];
            /** @description Calls made in it that are not shown; absent when there are none. */
            children_left_out?: number;
            /**
             * Format: double
             * @description Its own work on the critical path. A stretch of waiting in vain is no work.
             */
            critical_ms: number;
            /**
             * Format: double
             * @description From request to reply; to the present or the time-out without one.
             */
            duration_ms: number;
            end?: components["schemas"]["EndDto"] | null;
            /** @description What else was sent in it, by time. */
            events: components["schemas"]["AttachedDto"][];
            from: string;
            /** @description Whether it was made in one of those for certain; otherwise there are more, or they are no longer known. */
            has_all_candidates: boolean;
            /** @description Its parent can't be decided. */
            is_ambiguous: boolean;
            /** @description It claims to be its own ancestor. */
            is_cycle: boolean;
            /** @description It ended in a `node.error` that its caller never heard. */
            is_unheard: boolean;
            link?: components["schemas"]["EvidenceOfLink"] | null;
            /** @description Replies after that one. */
            more_replies: components["schemas"]["AttachedDto"][];
            /** @description Whether the critical path goes through it. */
            on_critical_path: boolean;
            /** @description The index of the call it was made in; `null` when it is a root, when that isn't known, and when that call isn't shown. */
            parent?: number | null;
            /**
             * Format: int64
             * @description The position of the request.
             */
            request: number;
            /**
             * Format: double
             * @description The duration without the time it waited for calls it made.
             */
            self_ms: number;
            start: string;
            /** @description `running`, `ok`, `error`, `error_result`, `inner_error`, `late`, `unanswered` or `blocked`. */
            status: string;
            to: string;
            tokens?: components["schemas"]["TokensDto"] | null;
            /** @description Until when its caller waited. */
            waited_until: string;
        };
        /** @description A text that could stand at the cursor. */
        CandidateDto: {
            /** @description What it means; may be empty. */
            detail: string;
            /** @description Where what it replaces begins. */
            from: number;
            /** @description `field`, `operator`, `value` or `keyword`. */
            kind: string;
            /** @description The text. */
            text: string;
            /** @description Where what it replaces ends. */
            to: number;
        };
        /** @description What can be typed at the cursor, and what is wrong with the text. Positions are UTF-16 code units, as JavaScript counts. */
        CompleteAnswer: {
            /** @description The words, signs and values that could stand at the cursor. */
            candidates: components["schemas"]["CandidateDto"][];
            error?: components["schemas"]["ConditionErrorDto"] | null;
        };
        /** @description What is wrong with a condition, and where. */
        ConditionErrorDto: {
            /** @description Where it ends; the same at the end of the text. */
            end: number;
            /** @description Words that could stand there; empty where any text could. */
            expected: string[];
            /** @description What is wrong, as half a sentence. */
            message: string;
            /** @description Where what is wrong begins. */
            position: number;
        };
        /** @description How much there was by then. */
        CountersDto: {
            edges: number;
            /**
             * Format: int64
             * @description Calls that failed or were never answered.
             */
            errors: number;
            /** Format: int64 */
            events: number;
            nodes: number;
            open_calls: number;
        };
        /** @description A new session. */
        Created: {
            range?: components["schemas"]["RangeDto"] | null;
            session_id: string;
            /** @description Events in it. */
            total: number;
        };
        /** @description What was ended. */
        Deleted: {
            session_id: string;
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
        /** @description An edge before and after. */
        EdgeChange: {
            after: components["schemas"]["EdgeDto"];
            before: components["schemas"]["EdgeDto"];
        };
        /** @description Edges by what became of them, each list by `from`, then `to`. */
        EdgeChanges: {
            added: components["schemas"]["EdgeDto"][];
            changed: components["schemas"]["EdgeChange"][];
            removed: components["schemas"]["EdgeDto"][];
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
        /** @description The reply that ended a call. */
        EndDto: {
            /** @description The error it reports. */
            error?: string | null;
            /** Format: int64 */
            event: number;
            time: string;
            /** @description `causation`, `request_id`, `traceparent` or `structure`. */
            trust: string;
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
        /** @description How calls ended. */
        ErrorRatesDto: {
            /** @description By the node that was called. */
            by_node: components["schemas"]["NodeCallsDto"][];
            overall: components["schemas"]["CallCountsDto"];
        };
        /** @description One event with its surroundings. */
        EventDetail: {
            /** @description The CloudEvent, with Studio's attributes. */
            event: Record<string, never>;
            /** @description What it has to do with other events. */
            links: components["schemas"]["LinksDto"];
            /** @description What interceptors saw of it later. */
            observations: components["schemas"]["ObservationDto"][];
            /** @description Whether the list of runs could be asked: `yes`; `behind` when it has not come to this event yet; `failed` when the views stand still. Then nothing is known of the run, and `run_id`, `links.call`, `links.candidates` and `links.end` are empty. */
            placed: string;
            /**
             * Format: int64
             * @description The position the list of runs was asked at.
             */
            placed_at?: number | null;
            /**
             * Format: int64
             * @description The run it is part of, by the position of its root; `null` when it is part of none.
             */
            run_id?: number | null;
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
            /** @description With `format=columns`, instead of `events`: `dict`, `n` and `cols` as in the `events` frame of docs/ws-protocol.md. */
            columns?: {
                [key: string]: unknown;
            } | null;
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
        /** @description What a link rests on. */
        EvidenceOfLink: {
            /**
             * Format: int64
             * @description The event that is its evidence.
             */
            evidence: number;
            /** @description `causation`, `request_id`, `traceparent`, or `structure`, which is inferred. */
            trust: string;
        };
        /** @description One step from an error to the root: `code` and the other members are for whoever words it, `text` is English. */
        ExplanationDto: {
            /**
             * Format: double
             * @description With `answered_late`: how long after the request.
             */
            after_ms?: number | null;
            /** @description With `never_heard`: the node that was called. */
            callee?: string | null;
            /** @description `reported_error`, `answered_with_error`, `handed_on_error`, `never_heard`, `answered_late`, `never_answered`, `blocked`, `still_running` or `went_on`. */
            code: string;
            /** @description What the node said. */
            error?: string | null;
            /**
             * Format: int64
             * @description The event it is about.
             */
            event: number;
            /** @description Who did or suffered it; with `never_heard` the caller. */
            node: string;
            text: string;
            /**
             * Format: double
             * @description With `never_heard`: how long the caller waited.
             */
            waited_ms?: number | null;
        };
        /** @description The first error of a run. */
        FailureDto: {
            /** @description The call to blame; `null` when it isn't shown. */
            call?: number | null;
            /** @description From the error to the root; at most 1,000 steps, of which the last is the root's. */
            chain: components["schemas"]["ExplanationDto"][];
            /** @description Steps left out before the last. */
            chain_left_out?: number;
            /** @description Whether the root failed; otherwise somebody coped with it. */
            is_fatal: boolean;
            /**
             * Format: int64
             * @description Its request.
             */
            request?: number;
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
        /** @description Where a condition became true, or how far it surely didn't. */
        FirstAnswer: {
            /** @description Whether that is the answer. If not, the search stopped at its bound and goes on behind `scanned_through`. */
            complete: boolean;
            /** @description The event, as in `GET /api/events`; null where none was found. */
            event?: {
                [key: string]: unknown;
            } | null;
            /**
             * Format: int64
             * @description How many events were looked at.
             */
            scanned: number;
            /**
             * Format: int64
             * @description Everything from the beginning of the range, in the direction, to this position was looked at.
             */
            scanned_through: number;
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
            /** @description `causation` or `request_id`; in `call` and `end` also `traceparent`, or `structure`, which is inferred. */
            trust: string;
            type: string;
        };
        /** @description Links of one event. */
        LinksDto: {
            call?: components["schemas"]["LinkDto"] | null;
            /** @description The positions of the requests of the calls it may be in, where that can't be decided; at most 16. */
            candidates: number[];
            cause?: components["schemas"]["LinkDto"] | null;
            /** @description The events with the id of the cause among which it can't be decided. */
            cause_candidates: number[];
            /** @description What was sent while it was being handled. */
            effects: components["schemas"]["LinkDto"][];
            end?: components["schemas"]["LinkDto"] | null;
            /** @description Whether it is in one of those for certain; otherwise there are more, or they are no longer known. */
            has_all_candidates: boolean;
            request?: components["schemas"]["LinkDto"] | null;
            /** @description The requests with the named id among which it can't be decided. */
            request_candidates: number[];
            response?: components["schemas"]["LinkDto"] | null;
            /** @description Replies that may be to this request or to one with the same id. */
            response_candidates: number[];
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
        /** @description How much was remembered by then; `GET /api/memory/{node_id}` and `GET /api/state` with this `at` have it. */
        MemoryCountersDto: {
            entries: number;
            /** @description Nodes that reported a memory, in each session. */
            owners: number;
            /** @description The session whose state tree was patched last. */
            state_session?: string | null;
        };
        /** @description What a node remembers. */
        MemoryDto: components["schemas"]["FaultsDto"] & components["schemas"]["DiffDto_MemoryChangeDto"] & {
            /**
             * Format: int64
             * @description The position it is as of.
             */
            at: number;
            /** @description With `entry`: what is known of it, oldest first. */
            blame?: components["schemas"]["MemoryStepDto"][];
            /** @description The store's epoch. */
            epoch: string;
            /** @description Consolidations, promotions, evictions and so on, oldest first; null when it reported no entries. */
            history: components["schemas"]["MemoryStepDto"][] | null;
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
        /** @description Something that happened to a memory. */
        MemoryStepDto: components["schemas"]["StepKindDto"] & {
            /** @description The sender of that record. */
            node: string;
            /**
             * Format: int64
             * @description The record behind it.
             */
            seq: number;
        };
        /** @description The figures of a workspace or a part of it. */
        MetricsDto: {
            /**
             * Format: int64
             * @description The position they are as of.
             */
            at: number;
            bottlenecks: components["schemas"]["BottlenecksDto"];
            /** @description The store's epoch. */
            epoch: string;
            error_rate: components["schemas"]["ErrorRatesDto"];
            /** @description Whether all matching records up to `at` were read; a session or run that is too large is measured in part. */
            is_complete: boolean;
            /**
             * Format: int64
             * @description Events about nodes, edges or models there was no room for: figures lack them.
             */
            left_out: number;
            response_times: components["schemas"]["ResponseTimesDto"];
            throughput?: components["schemas"]["ThroughputDto"] | null;
            tokens: components["schemas"]["TokenMetricsDto"];
        };
        /** @description Response times of a model. */
        ModelTimesDto: {
            /**
             * Format: int64
             * @description `llm.response` events.
             */
            count: number;
            latency_ms?: components["schemas"]["LatencyDto"] | null;
            /** @description `null` is what named no model. */
            model?: string | null;
        };
        /** @description Tokens of a model. */
        ModelTokensDto: components["schemas"]["TokenFiguresDto"] & {
            /** @description `null` is what named no model. */
            model?: string | null;
        };
        /** @description The event the cursor moved over, or why it didn't. */
        Moved: {
            /** @description The breakpoint that stopped a run. */
            breakpoint?: string | null;
            /** @description In place of all others: `No more events` of a step, `Invalid index` of a jump, `No breakpoint` of a run. */
            error?: string | null;
            /** @description The event, as in `GET /api/events`. */
            event?: {
                [key: string]: unknown;
            } | null;
            /** @description The cursor after the move. */
            index?: number | null;
            /** @description Events in the session. */
            total?: number | null;
        };
        /** @description Calls to a node by how they ended. */
        NodeCallsDto: components["schemas"]["CallCountsDto"] & {
            node: string;
        };
        /** @description A node before and after. */
        NodeChange: {
            after: components["schemas"]["NodeDto"];
            before: components["schemas"]["NodeDto"];
        };
        /** @description Nodes by what became of them, each list by id. */
        NodeChanges: {
            added: components["schemas"]["NodeDto"][];
            changed: components["schemas"]["NodeChange"][];
            removed: components["schemas"]["NodeDto"][];
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
        /** @description Response times of a node. */
        NodeTimesDto: {
            /**
             * Format: int64
             * @description Calls that were answered.
             */
            count: number;
            latency_ms?: components["schemas"]["LatencyDto"] | null;
            node: string;
        };
        /** @description Tokens of a node. */
        NodeTokensDto: components["schemas"]["TokenFiguresDto"] & {
            node: string;
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
        /** @description A call that waits for its reply. */
        OpenCallDto: {
            from: string;
            /** @description The request's id. */
            id: string;
            /**
             * Format: int64
             * @description The request's position.
             */
            seq: number;
            since: string;
            to: string;
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
        /** @description Where a session stands. */
        PlaceDto: {
            /** @description The breakpoint that paused it. */
            breakpoint?: string | null;
            /** @description The cursor: the index of the next event forward, 0 to `total`. */
            index: number;
            /** @description The time of the event at the cursor. */
            next_time?: string | null;
            prepared: components["schemas"]["PreparationDto"];
            range?: components["schemas"]["RangeDto"] | null;
            /**
             * Format: int64
             * @description The position whose state is shown: what `at` is elsewhere.
             */
            seq: number;
            session_id: string;
            /**
             * Format: double
             * @description How fast it plays, or played last.
             */
            speed: number;
            /** @description `playing`, `paused` or `ended`. */
            state: string;
            /** @description The time of the event before the cursor. */
            time?: string | null;
            total: number;
        };
        /** @description An event that may belong to calls of a run it isn't counted in. */
        PossibleDto: {
            /** @description The calls of this run that it may belong to. */
            calls: number[];
            /** @description The requests of all calls it may belong to, at most 16. */
            candidates: number[];
            /** Format: int64 */
            event: number;
            /** @description Who sent it. */
            from: string;
            /** @description Whether it belongs to one of those for certain. */
            has_all_candidates: boolean;
            /**
             * Format: int64
             * @description The run it is part of; `null` when it is part of none.
             */
            run_id?: number | null;
            time: string;
            /** @description The node it calls; `null` when it is no request. */
            to?: string | null;
        };
        /** @description How far the states of a session are prepared. Whatever it says, every state can be asked for: before it is `ready` some take longer. */
        PreparationDto: {
            /**
             * Format: int64
             * @description Records to fold, while it runs.
             */
            all?: number | null;
            /**
             * Format: int64
             * @description Records folded so far, while it runs.
             */
            done?: number | null;
            /** @description `waiting` for another session's, `running`, `ready` or `failed`. */
            state: string;
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
        /** @description The positions all states of a session lie between. */
        RangeDto: {
            /** Format: int64 */
            first: number;
            /** Format: int64 */
            last: number;
        };
        /** @description That events are taken, and how the views follow them. */
        Readiness: {
            /** @description `ready`. */
            status: string;
            views: components["schemas"]["ViewState"][];
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
        /** @description What changed in the graph. */
        ReplayDiffDto: {
            edges: components["schemas"]["EdgeChanges"];
            from: components["schemas"]["ReplayEndDto"];
            nodes: components["schemas"]["NodeChanges"];
            session_id: string;
            to: components["schemas"]["ReplayEndDto"];
        };
        /** @description One end of a comparison. */
        ReplayEndDto: {
            /**
             * Format: int64
             * @description The position whose state it is.
             */
            at: number;
            index: number;
        };
        /** @description The workspace as it was at a place of the session. */
        ReplayStateDto: {
            /**
             * Format: int64
             * @description The position whose state this is; other routes take it as `at`.
             */
            at: number;
            counters: components["schemas"]["CountersDto"];
            /** @description The cursor. */
            index: number;
            memory: components["schemas"]["MemoryCountersDto"];
            /** @description Calls without a reply, oldest first; at most 1,000. */
            open_calls: components["schemas"]["OpenCallDto"][];
            session_id: string;
            /** @description The moment it was. */
            time: string;
            /** @description As in `GET /api/topology`. */
            topology: components["schemas"]["TopologyDto"];
            /** @description Events in the session. */
            total: number;
        };
        /** @description From request to reply. */
        ResponseTimesDto: {
            /** @description How long models took, as they report it. */
            by_model: components["schemas"]["ModelTimesDto"][];
            /** @description By the node that was called. */
            by_node: components["schemas"]["NodeTimesDto"][];
            /** @description By what the called node is. */
            by_type: components["schemas"]["TypeTimesDto"][];
        };
        /** @description The root request of a run. */
        RootDto: {
            /** @description The requests of the calls it may have been made in, at most 16. */
            candidates: number[];
            /** @description Who made the call. */
            from: string;
            /** @description Whether it was made in one of those for certain; otherwise there are more, or they are no longer known. */
            has_all_candidates: boolean;
            /** @description The event's id; `null` when retention deleted it. */
            id?: string | null;
            /** @description It may have been called by somebody known: the run may be part of another. */
            is_ambiguous: boolean;
            /** @description The node that was called. */
            node: string;
            /** Format: int64 */
            seq: number;
            /** @description The event's type; `null` when retention deleted it. */
            type?: string | null;
        };
        /** @description A run with its calls. */
        RunDetail: {
            /**
             * Format: int64
             * @description The position it is as of.
             */
            at: number;
            /** @description The calls by time. Other members name them by their index here. */
            calls: components["schemas"]["CallDto"][];
            /** @description How many calls the tree has, shown or not. */
            calls_in_all?: number;
            /** @description The stretches that the root's duration consists of, in time order. */
            critical_path: components["schemas"]["StepDto"][];
            /**
             * Format: int64
             * @description Records of the run that retention deleted: the tree is of the rest.
             */
            deleted_records: number;
            /** @description The store's epoch. */
            epoch: string;
            failure?: components["schemas"]["FailureDto"] | null;
            /**
             * Format: int64
             * @description How many more of those there are.
             */
            more_possible: number;
            /** @description Events of other runs, or of none, that may belong to calls of this one. No figure here counts them. At most 1000. */
            possible: components["schemas"]["PossibleDto"][];
            /** @description The calls without a known parent, or the one that was asked for; the first is the root of the run. */
            roots: number[];
            run: components["schemas"]["RunDto"];
            /** @description Events of the run whose call isn't known. */
            unplaced: components["schemas"]["UnplacedDto"][];
            /**
             * Format: int64
             * @description Records of the run behind those that the tree is of: more than are read at once. The tree is as of the last that was read.
             */
            unread_records?: number;
        };
        /** @description A run in short. */
        RunDto: {
            /** Format: int64 */
            calls: number;
            /**
             * Format: double
             * @description From the root's request to its reply; to the present, or at most 30 s, where there is none.
             */
            duration_ms: number;
            /**
             * Format: int64
             * @description Events that report an error.
             */
            errors: number;
            /** Format: int64 */
            events: number;
            /** Format: int64 */
            first_seq: number;
            first_time: string;
            /**
             * Format: int64
             * @description The position of the root request.
             */
            id: number;
            /** Format: int64 */
            last_seq: number;
            last_time: string;
            /**
             * Format: int64
             * @description Calls not answered yet whose callers still wait.
             */
            open_calls: number;
            root: components["schemas"]["RootDto"];
            /**
             * Format: int64
             * @description Calls without a known parent, the root included.
             */
            roots: number;
            /** @description The session of the root. */
            session_id: string;
            /** @description The time of the root request. */
            start: string;
            /** @description `running`, `ok`, `failed` or `unanswered`. */
            status: string;
            tokens?: components["schemas"]["TokensDto"] | null;
        };
        /** @description A page of runs. */
        RunsPage: {
            /**
             * Format: int64
             * @description How many of them may be part of others.
             */
            ambiguous: number;
            /**
             * Format: int64
             * @description The position they are as of.
             */
            at: number;
            bounds: components["schemas"]["BoundsDto"];
            /** @description The store's epoch. */
            epoch: string;
            /** @description Where the next page begins. */
            next_cursor?: string | null;
            runs: components["schemas"]["RunDto"][];
            /**
             * Format: int64
             * @description How many match in all.
             */
            total: number;
        };
        /** @description Which events; all of the workspace when nothing is said. All that is said holds. */
        Scope: {
            /** @description Not after: epoch seconds or RFC 3339. */
            end_time?: string | null;
            /** @description The type; `x*` prefix, `*x*` contains. */
            event_type?: string | null;
            /** @description The source or target, in any spelling; `x*` prefix, `*x*` contains. */
            node_id?: string | null;
            /** @description A substring of the JSON text. */
            q?: string | null;
            /** @description The events of one run: a position that is part of it, or the trace id of one. `run` is another name for it. */
            run_id?: string | null;
            /** @description The session; `x*` prefix, `*x*` contains. */
            session_id?: string | null;
            /** @description Not before: epoch seconds or RFC 3339. */
            start_time?: string | null;
            /** @description The trace id; `x*` prefix, `*x*` contains. */
            trace_id?: string | null;
            /** @description A condition, as docs/conditions.md has it. `duration` is not known here. */
            where?: string | null;
            /** @description The tenant, in the query alone; `default` when absent. */
            workspace?: string | null;
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
            /** @description Whether it has a state tree: `GET /api/state?session_id=`. */
            has_state: boolean;
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
        /** @description A stretch of the critical path. */
        StepDto: {
            call: number;
            /** Format: double */
            duration_ms: number;
            from: string;
            /** @description `work`, or `wait_in_vain` for an answer that could not come any more. */
            pursuit: string;
            until: string;
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
        /** @description Events over event time. Buckets without events are left out. */
        ThroughputDto: {
            /**
             * Format: int64
             * @description The width of each bucket: a millisecond times a power of two.
             */
            bucket_nanos: number;
            /** @description For each bucket its events. */
            counts: number[];
            /** @description For each bucket the events that report an error. */
            errors: number[];
            /** @description For each bucket how many widths after `start` it begins. */
            offsets: number[];
            /** @description When the first bucket begins; `null` without events. */
            start?: string | null;
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
        /** @description Tokens; `null` is "not reported". */
        TokenFiguresDto: {
            /**
             * Format: int64
             * @description The part of the input that came from a cache.
             */
            cached?: number | null;
            /** Format: int64 */
            input?: number | null;
            /** Format: int64 */
            output?: number | null;
            /**
             * Format: int64
             * @description The part of the output that was thought and not said.
             */
            reasoning?: number | null;
            /**
             * Format: int64
             * @description Both, as reported, or their sum.
             */
            total?: number | null;
        };
        /** @description Tokens, each counted once. */
        TokenMetricsDto: {
            by_model: components["schemas"]["ModelTokensDto"][];
            /** @description By the node that reported them. */
            by_node: components["schemas"]["NodeTokensDto"][];
            total?: components["schemas"]["TokenFiguresDto"] | null;
        };
        /** @description Tokens; `null` is "not reported". */
        TokensDto: {
            /**
             * Format: int64
             * @description The part of the input that came from a cache.
             */
            cached?: number | null;
            /** Format: int64 */
            input?: number | null;
            /** Format: int64 */
            output?: number | null;
            /**
             * Format: int64
             * @description The part of the output that was thought and not said.
             */
            reasoning?: number | null;
            /**
             * Format: int64
             * @description Both, as reported, or their sum.
             */
            total?: number | null;
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
        /** @description Response times of nodes of one type. */
        TypeTimesDto: {
            /**
             * Format: int64
             * @description Calls that were answered.
             */
            count: number;
            latency_ms?: components["schemas"]["LatencyDto"] | null;
            type: string;
        };
        /** @description An event whose call isn't known. */
        UnplacedDto: {
            /** @description The requests of the calls it may belong to, at most 16. */
            candidates: number[];
            /** Format: int64 */
            event: number;
            /** @description Whether it belongs to one of those for certain. */
            has_all_candidates: boolean;
        };
        /** @description How some views follow the log. */
        ViewState: {
            /** @description With `retrying`: the code of the store's error. */
            error?: string | null;
            /** @description `graph` (with sessions and figures), `memories` or `runs`. */
            name: string;
            /** @description `following`, or `retrying` while the log can't be read for it. */
            state: string;
            /**
             * Format: int64
             * @description The position it has reached.
             */
            through: number;
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

"""A support desk of agents that runs without an API key.

Customers write in, several at a time. A crew answers each ticket: an intake agent reads it, a router picks the
department, the department's agents work with their tools, and a second crew writes and reviews the reply.

    support (crew) ─┬─ intake (agent) ── customer_db (tool)
                    ├─ department (router) ─┬─ billing (crew) ─┬─ auditor (agent) ── order_db (tool)
                    │                       │                  └─ refunds (agent) ── payments (tool, sometimes down)
                    │                       ├─ shipping (agent) ── order_db, parcel_tracker (tools)
                    │                       └─ technical (agent) ── handbook (tool)
                    └─ closing (crew) ─┬─ writer (agent)
                                       └─ reviewer (agent) ── handbook (tool)

The models behind the agents are small scripts with random pauses: they need no network, and --seed repeats their choices.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import re
import signal
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from loom.api.factory import Tool
from loom.api.main import LoomApp
from loom.interfaces.llm import LLMProvider, LLMResponse
from loom.node.agent import AgentNode
from loom.node.crew import CrewNode
from loom.node.router import AttentionRouter
from loom.node.tool import ToolNode

# How long Loom waits for the answer to a call. A tool that raises makes its caller wait that long.
LOOM_TIMEOUT_SECONDS = 30.0
# Tickets that are still open this long after the end are left unanswered.
GRACE_SECONDS = 5.0

CUSTOMERS = ["Ada", "Bela", "Chen", "Dilnoza", "Emeka", "Fatima", "Goran", "Hana", "Ines", "Jonas", "Kiri", "Lucía"]

LETTERS = [
    "I was charged twice for order #{order}. Please give me a refund.",
    "The invoice for order #{order} shows the wrong amount. Can I have my money back?",
    "I sent order #{order} back two weeks ago, where is my refund?",
    "Where is my parcel? Order #{order} should have been here on Monday.",
    "Can you deliver order #{order} to my neighbour instead?",
    "The tracking page of order #{order} hasn't moved for days.",
    "The lamp from order #{order} blinks three times and then goes off.",
    "How do I reset the thermostat I bought with order #{order}?",
    "The app can't find the speaker from order #{order} any more.",
]


class PausingModel(LLMProvider):
    """A language model's stand-in: it takes a moment, as a real one does, and then says what `reply` says."""

    def __init__(self, seed: str, longest_pause_seconds: float) -> None:
        self.rng = random.Random(seed)
        self.longest_pause_seconds = longest_pause_seconds

    def reply(self, messages: list[dict[str, Any]]) -> LLMResponse:
        raise NotImplementedError

    async def chat(
        self,
        messages: list[dict[str, Any]],
        tools: list[dict[str, Any]] | None = None,
        config: dict[str, Any] | None = None,
    ) -> LLMResponse:
        response = self.reply(messages)
        await asyncio.sleep(self.rng.uniform(0.1, self.longest_pause_seconds))
        return response

    async def stream_chat(
        self, messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None = None
    ) -> AsyncIterator[str]:
        for word in (await self.chat(messages, tools)).content.split():
            yield word + " "


class RoutingModel(PausingModel):
    """The router's model: names the department whose words are in the letter."""

    WORDS = {"billing": ("charged", "invoice", "refund"), "shipping": ("parcel", "deliver", "tracking")}

    def reply(self, messages: list[dict[str, Any]]) -> LLMResponse:
        letter = messages[-1]["content"].rpartition("Task:")[2]
        for department, words in self.WORDS.items():
            if any(word in letter for word in words):
                return LLMResponse(content=department)
        return LLMResponse(content="technical")


@dataclass
class Conversation:
    """What an agent's model has understood of one request, and the tools it still means to use for it."""

    letter: str
    order: str
    tools: list[str]


class AgentModel(PausingModel):
    """An agent's model: calls tools in turn, each with its own likelihood, then answers with one of its phrases."""

    def __init__(self, seed: str, phrases: list[str], tools: list[tuple[str, float]]) -> None:
        super().__init__(seed, longest_pause_seconds=0.8)
        self.phrases = phrases
        self.tools = tools
        # An agent's memory holds the tickets of all customers at once, so a transcript doesn't tell whose turn it is.
        # Loom handles each request in a task of its own: the task is the conversation.
        self.conversations: WeakKeyDictionary[asyncio.Task[Any], Conversation] = WeakKeyDictionary()

    def reply(self, messages: list[dict[str, Any]]) -> LLMResponse:
        conversation = self.conversation(messages)
        if conversation.tools:
            call = {
                "id": f"call_{self.rng.getrandbits(32):08x}",
                "name": conversation.tools.pop(0),
                "arguments": {"order": conversation.order},
            }
            content, calls = f"Let me ask {call['name']} about order #{conversation.order}.", [call]
        else:
            phrase = self.rng.choice(self.phrases)
            content, calls = phrase.format(letter=conversation.letter, order=conversation.order), []
        usage = {"prompt_tokens": sum(len(m["content"]) for m in messages) // 4, "completion_tokens": len(content) // 4}
        return LLMResponse(content=content, tool_calls=calls, token_usage=usage)

    def conversation(self, messages: list[dict[str, Any]]) -> Conversation:
        task = asyncio.current_task()
        assert task is not None, "nodes answer in tasks"
        if task not in self.conversations:
            # On the first turn the newest message is the request that this task handles.
            letter = messages[-1]["content"]
            order = re.search(r"#(\d+)", letter)
            tools = [name for name, likelihood in self.tools if self.rng.random() < likelihood]
            self.conversations[task] = Conversation(letter, order.group(1) if order else "unknown", tools)
        return self.conversations[task]


class Services:
    """The systems behind the tools. Each takes its time, and the payment service is down now and then."""

    def __init__(self, seed: str, most_outages: int) -> None:
        self.rng = random.Random(seed)
        # Who meets an outage waits for half a minute. Only so many may wait at once, or nobody would be served.
        self.outages: deque[float] = deque([-LOOM_TIMEOUT_SECONDS] * most_outages, maxlen=most_outages)

    async def customer_db(self, arguments: dict[str, Any]) -> dict[str, Any]:
        await asyncio.sleep(self.rng.uniform(0.02, 0.2))
        return {"order": arguments["order"], "customer_since": self.rng.randint(2015, 2025)}

    async def order_db(self, arguments: dict[str, Any]) -> dict[str, Any]:
        await asyncio.sleep(self.rng.uniform(0.02, 0.3))
        items = self.rng.sample(["lamp", "thermostat", "speaker", "cable", "kettle"], self.rng.randint(1, 3))
        return {"order": arguments["order"], "items": items, "total_eur": round(self.rng.uniform(9, 320), 2)}

    async def parcel_tracker(self, arguments: dict[str, Any]) -> dict[str, Any]:
        await asyncio.sleep(self.rng.uniform(0.05, 0.6))
        place = self.rng.choice(["Leipzig", "Lyon", "Porto", "Graz"])
        return {"order": arguments["order"], "place": place, "days_left": self.rng.randint(0, 4)}

    async def handbook(self, arguments: dict[str, Any]) -> str:
        await asyncio.sleep(self.rng.uniform(0.02, 0.25))
        return self.rng.choice(["Hold the button for ten seconds.", "Update the app, then pair again.", "Replace it."])

    async def payments(self, arguments: dict[str, Any]) -> dict[str, Any]:
        await asyncio.sleep(self.rng.uniform(0.05, 0.5))
        now = time.monotonic()
        if self.outages and now - self.outages[0] > LOOM_TIMEOUT_SECONDS and self.rng.random() < 0.4:
            self.outages.append(now)
            raise ConnectionError("payment service: 503 service unavailable")
        return {"order": arguments["order"], "refund": "booked", "reference": f"R-{self.rng.getrandbits(24):06x}"}


def build_desk(app: LoomApp, seed: int, most_outages: int) -> str:
    """Create the nodes and return the address of the outermost one. Nodes subscribe as tasks of the running loop."""
    services = Services(f"{seed} services", most_outages)
    schema = {"type": "object", "properties": {"order": {"type": "string"}}, "required": ["order"]}

    def tool(function: Callable[[dict[str, Any]], Awaitable[Any]], description: str) -> ToolNode:
        return Tool(app, function.__name__, function, description, schema)

    def agent(name: str, role: str, phrases: list[str], **tools: tuple[ToolNode, float]) -> AgentNode:
        model = AgentModel(f"{seed} {name}", phrases, [(tool_name, chance) for tool_name, (_, chance) in tools.items()])
        nodes = [node for node, _ in tools.values()]
        prompt = f"You answer for {role} in a shop's support desk."
        return AgentNode(name, app.dispatcher, role=role, system_prompt=prompt, tools=nodes, provider=model)

    customer_db = tool(services.customer_db, "Look up the customer of an order.")
    order_db = tool(services.order_db, "Look up what an order holds and what it cost.")
    parcel_tracker = tool(services.parcel_tracker, "Ask the carrier where a parcel is.")
    handbook = tool(services.handbook, "Search the product handbook.")
    payments = tool(services.payments, "Book a refund.")

    intake = agent("intake", "the front desk", ["{letter}"], customer_db=(customer_db, 0.8))

    auditor = agent(
        "auditor",
        "the accounts",
        ["The books agree: a refund is due for order #{order}."],
        order_db=(order_db, 1.0),
    )
    refunds = agent("refunds", "refunds", ["The refund for order #{order} is booked."], payments=(payments, 1.0))
    billing = CrewNode("billing", app.dispatcher, [auditor, refunds])
    # The router chooses by role, which a crew has none of unless it is given one.
    billing.role = "charges, invoices and refunds"
    shipping = agent(
        "shipping",
        "parcels and deliveries",
        ["The parcel of order #{order} is on its way.", "Order #{order} arrives within four days."],
        order_db=(order_db, 0.6),
        parcel_tracker=(parcel_tracker, 1.0),
    )
    technical = agent(
        "technical",
        "products that don't work",
        ["For order #{order}: hold the button for ten seconds.", "We replace the part from order #{order}."],
        handbook=(handbook, 1.0),
    )
    router_model = RoutingModel(f"{seed} department", longest_pause_seconds=0.4)
    department = AttentionRouter("department", app.dispatcher, [billing, shipping, technical], router_model)

    writer = agent("writer", "letters", ["Hello! We looked into order #{order}.", "Good news about order #{order}."])
    reviewer = agent(
        "reviewer",
        "the tone of letters",
        ["Approved: the reply about order #{order} is friendly and complete."],
        handbook=(handbook, 0.25),
    )
    closing = CrewNode("closing", app.dispatcher, [writer, reviewer])

    return CrewNode("support", app.dispatcher, [intake, department, closing]).source_uri


class Customers:
    """People who write in, wait for the reply, and write again until the desk closes."""

    def __init__(self, app: LoomApp, desk: str, seed: int, closing_time: asyncio.Event) -> None:
        self.app = app
        self.desk = desk
        self.rng = random.Random(f"{seed} customers")
        self.closing_time = closing_time
        self.opened_at = time.monotonic()
        self.tickets = self.answered = self.unanswered = 0

    def say(self, ticket: int, text: str) -> None:
        print(f"{time.monotonic() - self.opened_at:6.1f} s  ticket {ticket:<3} {text}", flush=True)

    async def write_again_and_again(self) -> None:
        while not await self.is_closed_within(self.rng.uniform(0.3, 1.5)):
            await self.write_once()

    async def is_closed_within(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.closing_time.wait(), timeout=seconds)
        return self.closing_time.is_set()

    async def write_once(self) -> None:
        self.tickets += 1
        ticket, customer = self.tickets, self.rng.choice(CUSTOMERS)
        letter = self.rng.choice(LETTERS).format(order=self.rng.randint(1000, 9999))
        self.say(ticket, f"{customer} writes: {letter}")
        started_at = time.monotonic()
        try:
            answer = await self.app.run(letter, target=self.desk)
        except TimeoutError:
            answer = {"error": "somebody never answered"}
        seconds = time.monotonic() - started_at
        if "error" in answer:
            self.unanswered += 1
            self.say(ticket, f"{customer} gives up after {seconds:.1f} s: {answer['error']}")
        else:
            self.answered += 1
            self.say(ticket, f"{customer} has an answer after {seconds:.1f} s.")


async def main(seconds: float, seed: int, runs: int) -> None:
    closing_time = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # event loops on Windows have no signal handlers
            asyncio.get_running_loop().add_signal_handler(number, closing_time.set)

    app = LoomApp()
    desk = build_desk(app, seed, most_outages=runs // 3)
    await app.start()
    customers = Customers(app, desk, seed, closing_time)
    print(f"The support desk is open for {seconds:g} s, {runs} customers at a time (seed {seed}). Ctrl-C closes it.")

    at_work = asyncio.gather(*(customers.write_again_and_again() for _ in range(runs)))
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(closing_time.wait(), timeout=seconds)
    closing_time.set()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(at_work, timeout=GRACE_SECONDS)

    waiting = customers.tickets - customers.answered - customers.unanswered
    print(
        f"The support desk is closed: {customers.tickets} tickets, {customers.answered} answered, "
        f"{customers.unanswered} given up, {waiting} still waiting."
    )


def positive(text: str) -> float:
    value = float(text)
    if not value > 0:
        raise argparse.ArgumentTypeError(f"{text} isn't above 0")
    return value


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description="A support desk of agents, built on Loom. It needs no API key.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--seconds", type=positive, default=60.0, help="how long the desk is open")
    parser.add_argument("--seed", type=int, default=7, help="repeats the same letters, pauses and outages")
    parser.add_argument("--runs", type=int, choices=range(1, 101), default=6, metavar="1-100", help="customers at a time")
    options = parser.parse_args()
    asyncio.run(main(options.seconds, options.seed, options.runs))

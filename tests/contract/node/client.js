// Makes the calls that come on standard input, one JSON object a line, with grpc-js,
// and answers each with what came of it. Messages are bytes: no stubs, no serializers.
"use strict";

const grpc = require("@grpc/grpc-js");
const readline = require("node:readline");

const CODES = Object.fromEntries(Object.entries(grpc.status).map(([name, code]) => [code, name]));
const identity = (bytes) => bytes;
const pack = (value) => Buffer.from(value).toString("base64");

function channelOf(address, algorithm) {
  return new grpc.Client(address, grpc.credentials.createInsecure(), {
    "grpc.max_receive_message_length": -1,
    "grpc.max_send_message_length": -1,
    "grpc.default_compression_algorithm": algorithm,
    "grpc.use_local_subchannel_pool": 1,
  });
}

function metadataOf(pairs) {
  const metadata = new grpc.Metadata();
  for (const [key, value] of pairs) {
    metadata.add(key, key.endsWith("-bin") ? Buffer.from(value, "base64") : value);
  }
  return metadata;
}

function pairsOf(metadata) {
  if (!metadata) return [];
  return Object.keys(metadata.getMap()).flatMap((key) =>
    metadata.get(key).map((value) => [key, key.endsWith("-bin") ? pack(value) : value]),
  );
}

function start(client, asked, onAnswer) {
  const metadata = metadataOf(asked.metadata);
  const options = { deadline: Date.now() + asked.timeoutSeconds * 1000 };
  const request = Buffer.from(asked.requests[0] ?? "", "base64");
  const common = [asked.path, identity, identity];
  if (asked.requestStream) {
    return asked.responseStream
      ? client.makeBidiStreamRequest(...common, metadata, options)
      : client.makeClientStreamRequest(...common, metadata, options, onAnswer);
  }
  return asked.responseStream
    ? client.makeServerStreamRequest(...common, request, metadata, options)
    : client.makeUnaryRequest(...common, request, metadata, options, onAnswer);
}

function send(call, asked) {
  for (const request of asked.requests) call.write(Buffer.from(request, "base64"));
  if (!asked.holdOpen) call.end();
}

function perform(client, asked) {
  return new Promise((resolve) => {
    const outcome = { messages: [], initial: [], trailing: [] };
    const take = (message) => {
      outcome.messages.push(pack(message));
      if (outcome.messages.length === asked.cancelAfter) call.cancel();
    };
    const call = start(client, asked, (error, message) => {
      if (!error) take(message);
    });
    call.on("metadata", (metadata) => (outcome.initial = pairsOf(metadata)));
    call.on("error", () => {}); // the status event says the same
    call.on("status", (status) => {
      outcome.code = CODES[status.code];
      outcome.details = status.details;
      outcome.trailing = pairsOf(status.metadata);
      setImmediate(() => resolve(outcome)); // the answer's callback comes just after
    });
    if (asked.responseStream) call.on("data", take);
    if (asked.requestStream) send(call, asked);
  });
}

async function main() {
  const address = process.argv[2];
  const plain = channelOf(address, grpc.compressionAlgorithms.identity);
  const gzip = channelOf(address, grpc.compressionAlgorithms.gzip);
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const asked = JSON.parse(line);
    const outcome = await perform(asked.gzip ? gzip : plain, asked);
    process.stdout.write(JSON.stringify(outcome) + "\n");
  }
  plain.close();
  gzip.close();
}

main();

/** How a channel is set, and how a call is made: what every stub of Modelyard needs. */

import {
  type CallOptions,
  type ChannelOptions,
  type ClientUnaryCall,
  Metadata,
  type ServiceError,
} from "@grpc/grpc-js";

const MESSAGE_BYTES = 64 * 2 ** 20;
const TIMEOUT_SECONDS = 30;

/** Methods without effect, which may be repeated while the server is not there. */
const REPEATABLE = [
  ["modelyard.inference.v1.InferenceService", ["ModelInfer", "ModelMetadata", "ServerReady"]],
  [
    "modelyard.registry.v1.RegistryService",
    ["GetModel", "GetModelVersion", "ListModels", "ListModelVersions"],
  ],
] as const;

/**
 * Returns the options of a channel: sizes, keepalive, and which calls are repeated.
 *
 * @param typedServices Full names of models' own services, such as `models.penguins.v1.Penguins`.
 *   They only predict, so that every call of theirs may be repeated.
 */
export function channelOptions(typedServices: readonly string[] = []): ChannelOptions {
  const names = [
    ...REPEATABLE.flatMap(([service, methods]) => methods.map((method) => ({ service, method }))),
    ...typedServices.map((service) => ({ service })),
  ];
  const retryPolicy = {
    maxAttempts: 4,
    initialBackoff: "0.1s",
    maxBackoff: "1s",
    backoffMultiplier: 2,
    retryableStatusCodes: ["UNAVAILABLE"],
  };
  return {
    "grpc.max_receive_message_length": MESSAGE_BYTES,
    "grpc.max_send_message_length": MESSAGE_BYTES,
    "grpc.keepalive_time_ms": 60_000,
    "grpc.keepalive_timeout_ms": 10_000,
    "grpc.service_config": JSON.stringify({
      methodConfig: [{ name: names, retryPolicy }],
    }),
  };
}

/** A unary method of a generated client, in its longest form. */
export type UnaryMethod<Request, Response> = (
  request: Request,
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: (error: ServiceError | null, response: Response) => void,
) => ClientUnaryCall;

/**
 * Makes one call, with a deadline.
 *
 * @param method The method of a client, bound to it.
 * @param request What is sent.
 * @param timeoutSeconds How long it may take, repeats included.
 * @returns The answer; it is rejected with a `ServiceError`.
 */
export function call<Request, Response>(
  method: UnaryMethod<Request, Response>,
  request: Request,
  timeoutSeconds: number = TIMEOUT_SECONDS,
): Promise<Response> {
  const deadline = Date.now() + timeoutSeconds * 1000;
  return new Promise((resolve, reject) => {
    method(request, new Metadata(), { deadline }, (error, response) =>
      error ? reject(error) : resolve(response),
    );
  });
}

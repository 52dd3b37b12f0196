// Lists the models, and runs one on a tensor: node build/examples/infer.js ADDRESS MODEL
// The model takes FP32 numbers, three in a row. What it found is one line of JSON.

import { credentials } from "@grpc/grpc-js";
import { InferenceServiceClient, ModelInferRequest } from "../generated/modelyard/inference/v1/inference";
import { ListModelsRequest, RegistryServiceClient } from "../generated/modelyard/registry/v1/registry";
import { call, channelOptions } from "../src/index";

async function main(address: string, model: string): Promise<void> {
  const security = credentials.createInsecure();
  const registry = new RegistryServiceClient(address, security, channelOptions());
  const inference = new InferenceServiceClient(address, security, channelOptions());

  const listed = await call(registry.listModels.bind(registry), ListModelsRequest.create({ page_size: 100 }));
  const request = ModelInferRequest.create({
    model_name: model,
    inputs: [{ name: "x", datatype: "FP32", shape: [1, 3] }],
    raw_input_contents: [Buffer.from(Float32Array.of(1, 2.5, -3).buffer)],
  });
  const answer = await call(inference.modelInfer.bind(inference), request);
  const bytes = answer.raw_output_contents[0];
  const numbers = Array.from({ length: bytes.length / 4 }, (_, index) => bytes.readFloatLE(4 * index));

  console.log(
    JSON.stringify({
      models: listed.models.map((it) => it.name),
      model_version: answer.model_version,
      output: answer.outputs[0].name,
      numbers,
    }),
  );
  registry.close();
  inference.close();
}

main(process.argv[2], process.argv[3]);

"""Hand-made services over a `Yard`, each as short as its contract lets it be."""

import hashlib
from collections.abc import Iterator

import grpc
from google.protobuf.empty_pb2 import Empty

from modelyard.inference.v1 import inference_pb2 as inference
from modelyard.inference.v1 import inference_pb2_grpc
from modelyard.inference.v1 import model_config_pb2 as model_config
from modelyard.registry.v1 import registry_pb2 as registry
from modelyard.registry.v1 import registry_pb2_grpc
from modelyard.registry.v1.resources_pb2 import Artifact, Model, ModelAlias, ModelVersion, Task
from modelyard.training.v1 import training_pb2 as training
from modelyard.training.v1 import training_pb2_grpc
from modelyard.training.v1.training_pb2 import TrainingJob
from tests.unit.client.yard import Context, Yard, fail, find, page


class Registry(registry_pb2_grpc.RegistryServiceServicer):
    def __init__(self, yard: Yard) -> None:
        self.yard = yard

    def CreateModel(self, request: registry.CreateModelRequest, context: Context) -> Model:
        self.yard.enter("CreateModel", request, context)
        name = f"models/{request.model_id}"
        if name in self.yard.models:
            fail(context, grpc.StatusCode.ALREADY_EXISTS, f"{name} is taken")
        self.yard.models[name] = request.model
        request.model.name = name
        return request.model

    def GetModel(self, request: registry.GetModelRequest, context: Context) -> Model:
        self.yard.enter("GetModel", request, context)
        return find(context, self.yard.models, request.name)

    def ListModels(
        self, request: registry.ListModelsRequest, context: Context
    ) -> registry.ListModelsResponse:
        self.yard.enter("ListModels", request, context)
        items, token = page([*self.yard.models.values()], request.page_size, request.page_token)
        return registry.ListModelsResponse(models=items, next_page_token=token)

    def UpdateModel(self, request: registry.UpdateModelRequest, context: Context) -> Model:
        self.yard.enter("UpdateModel", request, context)
        model = find(context, self.yard.models, request.model.name)
        request.update_mask.MergeMessage(request.model, model, replace_message_field=True)
        return model

    def GetModelProto(
        self, request: registry.GetModelProtoRequest, context: Context
    ) -> registry.GetModelProtoResponse:
        self.yard.enter("GetModelProto", request, context)
        find(context, self.yard.models, request.name)
        text = f"// schema {request.schema_major}\n"
        return registry.GetModelProtoResponse(proto=text, file_name="a.proto")

    def ValidateSchemaChange(
        self, request: registry.ValidateSchemaChangeRequest, context: Context
    ) -> registry.ValidateSchemaChangeResponse:
        self.yard.enter("ValidateSchemaChange", request, context)
        find(context, self.yard.versions, request.name)
        return self.yard.schema_change

    def CreateModelVersion(
        self, request: registry.CreateModelVersionRequest, context: Context
    ) -> ModelVersion:
        self.yard.enter("CreateModelVersion", request, context)
        version = request.model_version
        version.name = f"{request.parent}/versions/{len(self.yard.versions) + 1}"
        version.state = ModelVersion.STATE_CREATING
        self.yard.versions[version.name] = version
        return version

    def GetModelVersion(
        self, request: registry.GetModelVersionRequest, context: Context
    ) -> ModelVersion:
        self.yard.enter("GetModelVersion", request, context)
        alias = self.yard.aliases.get(request.name.replace("/versions/", "/aliases/"))
        name = alias.model_version if alias else request.name
        return find(context, self.yard.versions, name)

    def ListModelVersions(
        self, request: registry.ListModelVersionsRequest, context: Context
    ) -> registry.ListModelVersionsResponse:
        self.yard.enter("ListModelVersions", request, context)
        mine = [it for it in self.yard.versions.values() if it.name.startswith(request.parent)]
        items, token = page(mine, request.page_size, request.page_token)
        return registry.ListModelVersionsResponse(model_versions=items, next_page_token=token)

    def FinalizeModelVersion(
        self, request: registry.FinalizeModelVersionRequest, context: Context
    ) -> ModelVersion:
        self.yard.enter("FinalizeModelVersion", request, context)
        version = find(context, self.yard.versions, request.name)
        version.state = ModelVersion.STATE_ACTIVE
        if self.yard.faults_of_version:
            version.state = ModelVersion.STATE_FAILED
            version.faults.extend(self.yard.faults_of_version)
        return version

    def UploadArtifact(
        self, request_iterator: Iterator[registry.UploadArtifactRequest], context: Context
    ) -> Artifact:
        header = next(request_iterator).header
        self.yard.enter("UploadArtifact", header, context)
        data = b"".join(piece.chunk for piece in request_iterator)
        if hashlib.sha256(data).hexdigest() != header.sha256:
            fail(context, grpc.StatusCode.INVALID_ARGUMENT, "other bytes came")
        name = f"{header.parent}/artifacts/{header.artifact_id}"
        self.yard.files[name] = data
        return Artifact(name=name, size_bytes=len(data), sha256=header.sha256)

    def DownloadArtifact(
        self, request: registry.DownloadArtifactRequest, context: Context
    ) -> Iterator[registry.DownloadArtifactResponse]:
        self.yard.enter("DownloadArtifact", request, context)
        data = find(context, self.yard.files, request.name)
        digest = hashlib.sha256(data).hexdigest()
        described = Artifact(name=request.name, size_bytes=len(data), sha256=digest)
        yield registry.DownloadArtifactResponse(artifact=described)
        for start in range(0, len(data) - self.yard.lost_bytes, 4):
            yield registry.DownloadArtifactResponse(chunk=data[start : start + 4])

    def CreateModelAlias(
        self, request: registry.CreateModelAliasRequest, context: Context
    ) -> ModelAlias:
        self.yard.enter("CreateModelAlias", request, context)
        alias = request.model_alias
        alias.name = f"{request.parent}/aliases/{request.model_alias_id}"
        if alias.name in self.yard.aliases:
            fail(context, grpc.StatusCode.ALREADY_EXISTS, f"{alias.name} is taken")
        alias.etag = "first"
        if not request.validate_only:
            self.yard.aliases[alias.name] = alias
        return alias

    def GetModelAlias(self, request: registry.GetModelAliasRequest, context: Context) -> ModelAlias:
        self.yard.enter("GetModelAlias", request, context)
        return find(context, self.yard.aliases, request.name)

    def ListModelAliases(
        self, request: registry.ListModelAliasesRequest, context: Context
    ) -> registry.ListModelAliasesResponse:
        self.yard.enter("ListModelAliases", request, context)
        items, token = page([*self.yard.aliases.values()], request.page_size, request.page_token)
        return registry.ListModelAliasesResponse(model_aliases=items, next_page_token=token)

    def UpdateModelAlias(
        self, request: registry.UpdateModelAliasRequest, context: Context
    ) -> ModelAlias:
        self.yard.enter("UpdateModelAlias", request, context)
        alias = find(context, self.yard.aliases, request.model_alias.name)
        if request.model_alias.etag not in ("", alias.etag):
            fail(context, grpc.StatusCode.ABORTED, "the alias was moved", "ETAG_MISMATCH")
        if request.validate_only:
            return request.model_alias
        alias.model_version = request.model_alias.model_version
        alias.etag += "+"
        return alias


class Training(training_pb2_grpc.TrainingServiceServicer):
    def __init__(self, yard: Yard) -> None:
        self.yard = yard

    def CreateTrainingJob(
        self, request: training.CreateTrainingJobRequest, context: Context
    ) -> TrainingJob:
        self.yard.enter("CreateTrainingJob", request, context)
        job = request.training_job
        job.name = f"trainingJobs/job-{len(self.yard.jobs) + 1}"
        job.state = TrainingJob.STATE_QUEUED
        self.yard.jobs.setdefault(job.name, job)
        return job

    def GetTrainingJob(
        self, request: training.GetTrainingJobRequest, context: Context
    ) -> TrainingJob:
        self.yard.enter("GetTrainingJob", request, context)
        return find(context, self.yard.jobs, request.name)

    def ListTrainingJobs(
        self, request: training.ListTrainingJobsRequest, context: Context
    ) -> training.ListTrainingJobsResponse:
        self.yard.enter("ListTrainingJobs", request, context)
        items, token = page([*self.yard.jobs.values()], request.page_size, request.page_token)
        return training.ListTrainingJobsResponse(training_jobs=items, next_page_token=token)

    def ValidateTrainingJob(
        self, request: training.ValidateTrainingJobRequest, context: Context
    ) -> training.ValidateTrainingJobResponse:
        self.yard.enter("ValidateTrainingJob", request, context)
        return training.ValidateTrainingJobResponse(findings=self.yard.findings)

    def DeleteTrainingJob(
        self, request: training.DeleteTrainingJobRequest, context: Context
    ) -> Empty:
        self.yard.enter("DeleteTrainingJob", request, context)
        find(context, self.yard.jobs, request.name)
        del self.yard.jobs[request.name]
        return Empty()

    def CancelTrainingJob(
        self, request: training.CancelTrainingJobRequest, context: Context
    ) -> TrainingJob:
        self.yard.enter("CancelTrainingJob", request, context)
        job = find(context, self.yard.jobs, request.name)
        job.state = TrainingJob.STATE_CANCELLING
        return job

    def WatchTrainingJob(
        self, request: training.WatchTrainingJobRequest, context: Context
    ) -> Iterator[training.WatchTrainingJobResponse]:
        self.yard.enter("WatchTrainingJob", request, context)
        for index, event in enumerate(self.yard.events):
            if event is None:
                del self.yard.events[index]
                fail(context, grpc.StatusCode.UNAVAILABLE, "the server is stopping")
            if event.sequence > request.after_sequence:
                yield event

    def ListTrainers(
        self, request: training.ListTrainersRequest, context: Context
    ) -> training.ListTrainersResponse:
        self.yard.enter("ListTrainers", request, context)
        trainer = training.Trainer(id="random-forest", tasks=[Task.TASK_CLASSIFICATION])
        return training.ListTrainersResponse(trainers=[trainer])

    def GetTrainer(self, request: training.GetTrainerRequest, context: Context) -> training.Trainer:
        self.yard.enter("GetTrainer", request, context)
        return training.Trainer(name=request.name, id=request.name.removeprefix("trainers/"))


class Inference(inference_pb2_grpc.InferenceServiceServicer):
    def __init__(self, yard: Yard) -> None:
        self.yard = yard

    def ServerReady(
        self, request: inference.ServerReadyRequest, context: Context
    ) -> inference.ServerReadyResponse:
        self.yard.enter("ServerReady", request, context)
        return inference.ServerReadyResponse(ready=True)

    def ModelMetadata(
        self, request: inference.ModelMetadataRequest, context: Context
    ) -> inference.ModelMetadataResponse:
        self.yard.enter("ModelMetadata", request, context)
        if self.yard.metadata is None:
            fail(context, grpc.StatusCode.NOT_FOUND, f"model '{request.name}' is not served")
        return self.yard.metadata

    def ModelConfig(
        self, request: model_config.ModelConfigRequest, context: Context
    ) -> model_config.ModelConfigResponse:
        self.yard.enter("ModelConfig", request, context)
        config = model_config.ModelConfig(max_batch_size=self.yard.most_rows)
        return model_config.ModelConfigResponse(config=config)

    def ModelInfer(
        self, request: inference.ModelInferRequest, context: Context
    ) -> inference.ModelInferResponse:
        self.yard.enter("ModelInfer", request, context)
        assert self.yard.infer is not None
        return self.yard.infer(request)

    def ServerLive(self, request: object, context: Context) -> inference.ServerLiveResponse:
        raise NotImplementedError

    def ModelReady(self, request: object, context: Context) -> inference.ModelReadyResponse:
        raise NotImplementedError

    def ServerMetadata(self, request: object, context: Context) -> inference.ServerMetadataResponse:
        raise NotImplementedError

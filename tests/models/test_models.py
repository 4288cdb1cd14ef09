"""Every network of the registry keeps the one contract; and each is the network that its source describes."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from kuzushiji.errors import UsageError
from kuzushiji.models import MODELS, VARIANTS, create_model, list_models, resolve
from kuzushiji.models.inspection import count_parameters
from kuzushiji.runs.recipe import RECIPES

NAMES = [name for name in list_models() if not MODELS[name].extra]
"""Those that need no package more; for the others see test_transfer.py."""

# The full-resolution network computes for minutes what it computes in a second on small images: it has no dense layer
# that would know the difference.
SIZES = {name: MODELS[name].image_size for name in NAMES} | {"fcn": 9, "fcn_strided": 9}

CLASSICAL = [name for name in NAMES if MODELS[name].fitted]
NETWORKS = [name for name in NAMES if name not in CLASSICAL]

SMALL = {
    "resnet18": {"width": 4},
    "preact_resnet18": {"width": 4},
    "preact_resnet20": {"width": 4},
    "wide_resnet": {"depth": 10, "widen": 1},
    "vgg": {"width": 4},
    "densenet": {"depth": 13, "growth": 4},
    "shake_shake": {"width": 4, "depth": 8},
    "pca_knn": {"components": 5},
    "svm": {"C": 1.0, "gamma": 0.1},
}
"""Options that keep large networks small, and classical models from looking for what is to be chosen."""

WIDE = {"page_cnn", "fcn", "fcn_strided"}
"""Too many parameters to hold several copies of, in tests that need no more than one."""


def make(name, classes=10, image_size=None, seed=0):
    """The network with weights of this seed; a classical model fitted to images of this seed."""
    torch.manual_seed(seed)
    size = image_size or SIZES[name]
    model = create_model(name, classes=classes, image_size=size, **SMALL.get(name, {}))
    if name in CLASSICAL:
        height, width = (size, size) if isinstance(size, int) else size
        model.fit(torch.randint(256, (12, height, width), dtype=torch.uint8), torch.arange(12) % classes)
    return model


def batch(name, count=3, image_size=None):
    size = image_size or SIZES[name]
    height, width = (size, size) if isinstance(size, int) else size
    return torch.rand(count, 1, height, width, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_training_step_reaches_every_parameter(name):
    model = make(name)
    for layer in model.modules():
        # A block of the residual network begins as the identity: nothing flows back through a scale of zero.
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.ones_(layer.weight)
    logits = model(batch(name, 4))
    assert logits.shape == (4, 10)
    assert logits.dtype == torch.float32
    nn.functional.cross_entropy(logits, torch.tensor([0, 3, 5, 9])).backward()
    for path, parameter in model.named_parameters():
        assert parameter.grad is not None, path
        assert parameter.grad.isfinite().all(), path
        if parameter.ndim > 1:
            assert parameter.grad.abs().sum() > 0, path


@pytest.mark.parametrize("name", CLASSICAL)
def test_classical_models_have_no_weights_but_what_they_were_fitted_to(name):
    model = make(name)
    assert not list(model.parameters())
    assert model(batch(name, 4)).dtype == torch.float32
    # They know the images that they were fitted to.
    torch.manual_seed(0)
    size = SIZES[name]
    create_model(name, classes=10, image_size=size, **SMALL.get(name, {}))
    images = torch.randint(256, (12, size, size), dtype=torch.uint8)
    assert model(images[:, None].float() / 255).argmax(1).tolist() == [*range(10), 0, 1]


@pytest.mark.parametrize("name", NAMES)
def test_other_sizes_and_class_counts(name):
    smallest = MODELS[name].smallest
    for height, width, classes in ((smallest, smallest + 7, 2), (32, 17 + smallest % 2, 49)):
        model = make(name, classes, (height, width)).eval()
        assert model(batch(name, 1, (height, width))).shape == (1, classes)


@pytest.mark.parametrize("name", NAMES)
def test_features_are_what_the_head_reads(name):
    model = make(name).eval()
    images = batch(name)
    with torch.no_grad():
        features = model.features(images)
        assert features.shape == (3, model.head.in_features)
        if MODELS[name].family != "fcn":  # Its head reads the maps of which the features are the highest points.
            torch.testing.assert_close(model.head(features), model(images), check_dtype=False)


def test_the_features_of_fcn_are_the_highest_points_of_its_maps():
    model = make("fcn").eval()
    images = batch("fcn")
    with torch.no_grad():
        maps = model.body(images)
        assert maps.shape == (3, 1028, 9, 9)
        assert torch.equal(model.features(images), maps.flatten(2).max(2).values)
        assert torch.equal(model.head(maps), model(images))


@pytest.mark.parametrize("name", NAMES)
def test_the_head_can_be_replaced_for_other_classes(name):
    model = make(name, classes=3).double().eval()
    images = batch(name, 2).double()
    before = model.features(images)
    model.replace_head(7)
    assert model.eval()(images).shape == (2, 7)
    assert torch.equal(model.features(images), before)
    assert model.head.out_features == 7


def test_replacing_the_head_keeps_its_kind():
    model = create_model("fcn", classes=3, image_size=9, pointwise=True)
    model.replace_head(5)
    assert count_parameters(model) == count_parameters(create_model("fcn", classes=5, image_size=9, pointwise=True))
    assert model.eval()(torch.zeros(2, 1, 9, 9)).shape == (2, 5)


@pytest.mark.parametrize("name", NAMES)
def test_saved_and_loaded_it_gives_the_same(name, tmp_path):
    model, other = make(name, seed=0), make(name, seed=1)
    model(batch(name))  # Moves the running statistics, which belong to what is saved.
    model.eval(), other.eval()
    images = batch(name, 2)
    with torch.no_grad():
        assert not torch.equal(model(images), other(images))
        torch.save(model.state_dict(), tmp_path / "weights.pt")
        other.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True))
        assert torch.equal(model(images), other(images))


@pytest.mark.parametrize("name", sorted(set(NETWORKS) - WIDE))
def test_the_seed_fixes_the_weights(name):
    one, same, other = (torch.nn.utils.parameters_to_vector(make(name, seed=seed).parameters()) for seed in (3, 3, 4))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@pytest.mark.parametrize("name", NAMES)
def test_a_row_alone_reads_as_in_a_batch(name):
    model = make(name)
    model(batch(name, 4))
    model.eval()
    images = batch(name, 4)
    with torch.no_grad():
        together = model(images)
        for number in range(4):
            torch.testing.assert_close(model(images[number : number + 1])[0], together[number], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_channels_last_gives_the_same(name):
    model = make(name).eval()
    images = batch(name)
    with torch.no_grad():
        expected = model(images)
        model.to(memory_format=torch.channels_last)
        got = model(images.to(memory_format=torch.channels_last))
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_it_runs_in_bfloat16(name):
    model = make(name).eval()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert model(batch(name)).isfinite().all()


@pytest.mark.parametrize("name", ["resnet", "lenet5", "nn_dense_batch_norm", "cnn_dense_batch_norm", "fcn"])
def test_it_can_be_exported(name):
    model = make(name).eval()
    dynamic = ({0: torch.export.Dim("images", min=1, max=64)},)
    exported = torch.export.export(model, (batch(name),), dynamic_shapes=dynamic).module()
    images = batch(name, 5)
    with torch.no_grad():
        torch.testing.assert_close(exported(images), model(images))


# Counted by hand from the descriptions: a convolution has k * k * in * out + out, a dense layer in * out + out, batch
# normalisation 2 for each channel.  Keras 3.15 counts the same for the same layers.  For 201,073 and for the two of the
# pages, the sources print these very numbers.
PARAMETERS = {
    ("lenet5", 49, 28): 156 + 2416 + (400 * 120 + 120) + (120 * 84 + 84) + (84 * 49 + 49),
    ("alexnet", 49, 28): 640 + 73856 + 295168 + 590080 + (2304 * 1024 + 1024) + (1024 * 512 + 512) + (512 * 49 + 49),
    ("nn_1", 49, 28): 50240 + 4160 + 65 * 49,
    ("nn_2", 49, 28): 50240 + 4160 + 8320 + 129 * 49,
    ("nn_dense", 49, 28): 50240 + 8320 + 33024 + 131584 + 513 * 49,
    ("nn_dense_batch_norm", 49, 28): 50240 + 8320 + 33024 + 131584 + 513 * 49 + 2 * (128 + 256 + 512),
    ("cnn_1", 49, 28): 201073,
    ("cnn_2", 49, 28): 1088 + 131200 + 524544 + (4096 * 64 + 64) + 65 * 49,
    ("cnn_dense", 49, 28): 1088 + 262400 + 2097664 + (8192 * 64 + 64) + 65 * 49,
    ("cnn_dense_batch_norm", 49, 28): 1088 + 262400 + 2097664 + (8192 * 64 + 64) + 65 * 49 + 2 * (11 + 4),
    ("keras_cnn", 10, 28): 320 + 18496 + (9216 * 128 + 128) + 129 * 10,
    ("page_cnn", 514, 80): 37_921_314,
    ("fcn", 514, 80): 11_067_162,
    ("fcn_strided", 514, 80): 11_067_162,
    ("resnet", 10, 28): 308_074,
    # The next seven are those published for three channels (11,173,962, 11,171,146 and, with biases that do nothing
    # before a normalisation, 14,728,266 by kuangliu/pytorch-cifar; 0.27 M, 36.5 M, 7.0 M and 26.2 M by the papers) less
    # what two channels of the first convolution have.
    ("preact_resnet20", 10, 28): 272_282 - 2 * 9 * 16,
    ("wide_resnet", 10, 28): 36_479_194 - 2 * 9 * 16,
    ("resnet18", 10, 28): 11_173_962 - 2 * 9 * 64,
    ("preact_resnet18", 10, 28): 11_171_146 - 2 * 9 * 64,
    ("vgg", 10, 28): 14_728_266 - 2 * 9 * 64 - 4_224,
    ("densenet", 10, 28): 6_979_642 - 2 * 9 * 16,
    ("shake_shake", 10, 28): 26_192_922 - 2 * 9 * 16,
    ("knn", 10, 28): 0,
    ("pca_knn", 10, 28): 0,
    ("svm", 10, 28): 0,
}


def test_parameter_counts_are_those_of_the_sources():
    assert {name for name, *_ in PARAMETERS} == set(NAMES)
    with torch.device("meta"):
        counts = {
            (name, classes, size): count_parameters(create_model(name, classes=classes, image_size=size))
            for name, classes, size in PARAMETERS
        }
    assert counts == PARAMETERS


def test_options_change_what_they_say():
    with torch.device("meta"):
        notebook = create_model("fcn", classes=514, image_size=80, pointwise=True)
        channels = create_model("cnn_dense_batch_norm", classes=49, image_size=28, normalize="channels")
        wide = create_model("resnet", classes=3832, image_size=64, width=64)
        long = create_model("resnet", classes=3832, image_size=64, width=64, embedding=512)
        weighed = create_model("resnet", classes=3832, image_size=64, width=64, embedding=512, pooling="depthwise")
        dense = create_model("densenet", classes=10, image_size=28, depth=40)
        bottleneck = create_model("densenet", classes=10, image_size=28, bottleneck=True)
        narrow = create_model("shake_shake", classes=10, image_size=28, width=32)
        depths = {depth: create_model("vgg", classes=10, image_size=28, depth=depth) for depth in (11, 13, 19)}
    assert count_parameters(notebook) == 2_629_338  # printed by the source
    assert count_parameters(channels) == 2_888_689 + 2 * (256 + 512)
    assert 2_000_000 < count_parameters(wide) < 2_300_000
    assert count_parameters(long) - count_parameters(wide) == 256 * 512 + 2 * 512 + 256 * 3832
    assert count_parameters(weighed) - count_parameters(long) == 512 * 4 * 4 + 2 * 512  # of 64 pixels 4 are left
    assert count_parameters(dense) == 1_019_722 - 2 * 9 * 16  # DenseNet (k = 12) of 40 layers, 1.0 M in the paper
    assert count_parameters(bottleneck) == 769_162 - 2 * 9 * 24  # DenseNet-BC of 100 layers, 0.8 M in the paper
    assert 2_900_000 < count_parameters(narrow) < 2_950_000  # 26 2x32d, 2.9 M in the paper
    # By kuangliu/pytorch-cifar, for three channels and with biases that do nothing before a normalisation.
    assert {depth: count_parameters(network) + 2 * 9 * 64 for depth, network in depths.items()} == {
        11: 9_231_114 - 2_752,
        13: 9_416_010 - 2_944,
        19: 20_040_522 - 5_504,
    }
    assert isinstance(create_model("lenet5", classes=2, image_size=28, activation="relu").body[1], nn.ReLU)
    assert create_model("page_cnn", classes=2, image_size=9, dropout=0.1).body[-1].p == 0.1
    assert create_model("keras_cnn", classes=2, image_size=9, dense_dropout=0.0).body[-1].p == 0.0
    assert create_model("resnet", classes=2, image_size=9, dropout=0.3).body[-1].p == 0.3
    assert create_model("page_cnn", classes=2, image_size=9, dropout=0).body[-1].p == 0
    assert create_model("alexnet", classes=2, image_size=9, width=3).body[8].weight.shape == (12, 12, 3, 3)


def test_row_normalisation_is_keras_axis_1():
    """Batch normalisation over axis 1 of (B, H, W, C): for each row, mean and deviation over the rest."""
    from kuzushiji.models.cnn import RowNorm

    x = torch.randn(4, 5, 6, 7) * 3 + 1
    norm = RowNorm(6)
    mean = x.mean((0, 1, 3), keepdim=True)
    variance = x.var((0, 1, 3), unbiased=False, keepdim=True)
    torch.testing.assert_close(norm(x), (x - mean) / torch.sqrt(variance + 1e-3))
    torch.testing.assert_close(norm.running_mean, 0.01 * mean.flatten())


@pytest.mark.parametrize(("side", "first_stage"), [(16, 16), (20, 20), (28, 14), (33, 17), (64, 16), (80, 20)])
def test_the_stem_of_resnet_brings_images_down_to_its_size(side, first_stage):
    from kuzushiji.models.inspection import list_layers

    layers = list_layers(create_model("resnet", classes=2, image_size=side), side)
    first_block = next(layer for layer in layers if layer.name.endswith("conv1"))
    assert first_block.output_shape == (32, first_stage, first_stage)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "lenet"}, "there is no model 'lenet'; did you mean lenet5"),
        ({"classes": 1}, "at least 2 classes to tell apart, found 1"),
        ({"image_size": 11}, "lenet5 needs images of at least 12 x 12 pixels, found 11 x 11"),
        ({"image_size": (28, 5)}, "at least 12 x 12 pixels, found 28 x 5"),
        ({"image_size": 0}, "found 0 x 0"),
        ({"name": "nn_1", "image_size": -3}, "at least 1 x 1 pixels, found -3 x -3"),
        ({"width": 3}, "lenet5 has no option 'width'; it takes activation"),
        ({"name": "nn_1", "width": 3}, "nn_1 has no option 'width'; it takes none"),
        ({"name": "resnet", "image_width": 3}, "it takes width, depth, stem, embedding"),
        ({"activation": "tank"}, "there is no activation 'tank'; did you mean tanh"),
        ({"name": "resnet", "width": 0}, "width, a depth and a stem of 1 or more, found 0, 1 and 20"),
        ({"name": "resnet", "embedding": -1}, "a length of 0 or more, found -1"),
        ({"name": "keras_cnn", "dropout": 1.0}, "dropout must be at least 0 and below 1, found 1.0"),
        ({"name": "alexnet", "width": 0}, "alexnet needs a width of 1 or more, found 0"),
        ({"name": "vgg", "depth": 12}, "vgg has a depth of 11, 13, 16 or 19, found 12"),
        ({"name": "vgg", "width": 0}, "vgg needs a width of 1 or more, found 0"),
        ({"name": "resnet", "head": "cosin"}, "no head 'cosin'; did you mean cosine"),
        ({"name": "resnet", "pooling": "deptwise"}, "no pooling 'deptwise'; did you mean depthwise"),
        ({"name": "resnet", "attention": "cbma"}, "no attention 'cbma'; did you mean cbam"),
        ({"name": "preact_resnet20", "depth": 21}, "2 more than a multiple of 6, such as 20, found 21"),
        ({"name": "preact_resnet20", "width": 0}, "needs a width of 1 or more, found 0"),
        ({"name": "wide_resnet", "depth": 26}, "4 more than a multiple of 6, such as 16 or 28, found 26"),
        ({"name": "resnet18", "width": -1}, "needs a width of 1 or more, found -1"),
        ({"name": "densenet", "depth": 50}, "4 more than a multiple of 3 .such as 22 or 100.*found 50 and 12"),
        ({"name": "densenet", "depth": 43, "bottleneck": True}, "4 more than a multiple of 6 .such as 40 or 100"),
        ({"name": "densenet", "image_size": 3}, "at least 4 x 4 pixels"),
        ({"name": "shake_shake", "depth": 9}, "2 more than a multiple of 6 .such as 8 or 26.*found 96 and 9"),
        ({"name": "resnet", "width": "wide"}, "width of resnet is 'wide'; expected a value such as 32"),
        ({"name": "resnet", "depth": 2.5}, "depth of resnet is 2.5; expected a value such as 1"),
        ({"name": "resnet", "depth": True}, "depth of resnet is True"),
        ({"name": "resnet", "dropout": None}, "dropout of resnet is None; expected a value such as 0.0"),
        ({"name": "fcn", "pointwise": 1}, "pointwise of fcn is 1; expected a value such as False"),
        ({"name": "cnn_dense_batch_norm", "normalize": "row"}, "no normalisation 'row'; did you mean rows"),
    ],
)
def test_wrong_requests_say_what_would_be_right(arguments, message):
    with pytest.raises(UsageError, match=message):
        create_model(**{"name": "lenet5", "classes": 10, "image_size": 28} | arguments)


def test_names_are_found_by_pattern():
    assert list_models("nn_*") == ["nn_1", "nn_2", "nn_dense", "nn_dense_batch_norm"]
    assert NAMES[0] == "resnet"
    assert list_models("bert*") == []


def test_a_name_stands_for_a_network_and_a_recipe():
    assert resolve("resnet") == ("resnet", "default")
    assert resolve("nn_1_sgd") == ("nn_1", "keras_sgd")
    assert resolve("cnn_2_adam") == ("cnn_2", "keras_adam")
    assert len(VARIANTS) == 8
    for name in [*NAMES, *VARIANTS]:
        model, recipe = resolve(name)
        assert model in MODELS
        assert recipe in RECIPES
    with pytest.raises(UsageError, match="did you mean cnn_1_sgd"):
        resolve("cnn_1_sdg")
    with pytest.raises(UsageError, match="its network is resnet with width=48"):
        resolve("page")


def test_names_and_recipes_are_listed_without_pytorch():
    code = (
        "import sys, kuzushiji.models as m; m.list_models(); m.resolve('nn_1_sgd');"
        "assert not {'torch', 'matplotlib', 'sklearn'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("resnet", {"embedding": 20}),
        ("resnet", {"pooling": "depthwise"}),
        *(("resnet", {"head": head}) for head in ("cosine", "prototype")),
        *(("resnet", {"attention": kind}) for kind in ("se", "cbam", "self")),
        *(("preact_resnet20", {"attention": kind}) for kind in ("se", "cbam", "self")),
        ("wide_resnet", {"depth": 10, "widen": 1, "dropout": 0.3}),
    ],
    ids=str,
)
def test_a_training_step_reaches_every_parameter_of_an_option(name, options):
    torch.manual_seed(0)
    model = create_model(name, classes=5, image_size=28, **options)
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.ones_(layer.weight)
        if hasattr(layer, "gamma"):
            nn.init.ones_(layer.gamma)
    nn.functional.cross_entropy(model(batch("resnet", 4)), torch.tensor([0, 1, 2, 3])).backward()
    for path, parameter in model.named_parameters():
        assert parameter.grad.isfinite().all(), path
        assert parameter.grad.abs().sum() > 0 or parameter.ndim < 2, path
    model.replace_head(7)
    assert model.eval()(batch("resnet", 2)).shape == (2, 7)


@pytest.mark.parametrize("size", [(1, 1), (21, 30), (64, 17)])
def test_depthwise_pooling_leaves_one_value_of_each_channel_of_any_image(size):
    model = create_model("resnet", classes=3, image_size=size, pooling="depthwise").eval()
    assert model(torch.rand(2, 1, *size)).shape == (2, 3)
    pooling = [layer for layer in model.modules() if isinstance(layer, nn.Conv2d)][-1]
    assert pooling.groups == pooling.in_channels == 128


def test_wide_networks_of_the_paper_have_its_parameters():
    """WRN-16-4 and WRN-40-4 have 2.7 and 8.9 million in the paper's table, WRN-40-1 has 0.6."""
    with torch.device("meta"):
        counted = {
            (depth, widen): count_parameters(
                create_model("wide_resnet", classes=10, image_size=32, depth=depth, widen=widen)
            )
            for depth, widen in ((16, 4), (40, 4), (40, 1))
        }
    assert {key: round(count / 1e6, 1) for key, count in counted.items()} == {(16, 4): 2.7, (40, 4): 8.9, (40, 1): 0.6}

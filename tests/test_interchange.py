"""What was trained elsewhere computes here what it computed there, and what is no MLP is refused by its layer.

`record_torch_modules.py` wrote what PyTorch's modules look like, what they return, and laplace-torch's evidence of
them. A stand-in has the class name, the attributes and the parameters that its module had, and no more.
"""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from problems import assert_close
from scipy.special import expit, softmax
from sklearn.neural_network import MLPClassifier

from minilaplace import (
    MLP,
    BayesianModel,
    Bernoulli,
    Categorical,
    Gaussian,
    Laplace,
    from_layers,
    from_torch,
    to_layers,
    to_state_dict,
)
from minilaplace.sklearn.mlp import matching_precision

with np.load(Path(__file__).with_name("torch_modules.npz")) as file:
    RECORDS = dict(file)
X, PRIOR_PRECISION = RECORDS["X"], float(RECORDS["prior_precision"])
MODULES = [path.split("/")[0] for path in RECORDS if path.endswith("/module")]
ACCEPTED = [name for name in MODULES if f"{name}/outputs" in RECORDS]
REFUSED = {
    "convolution": "layer 0: expected one of Linear, Tanh, .*, received Conv1d of torch.nn.modules.conv$",
    "layer norm": "layer 1: expected one of Linear, Tanh, .*, received LayerNorm of torch.nn.modules.normalization$",
    "batch norm": "layer 1: expected one of Linear, Tanh, .*, received BatchNorm1d",
    "no bias": "layer 2: expected a Linear's weight and bias, received weight alone: give it a bias of zeros, layer",
    "weight norm": "layer 0: expected one of Linear, Tanh, .*, received ParametrizedLinear",
    "two activations": "after layer 2: expected 'tanh', as after every other Linear, received 'relu'",
    "one gap": "after layer 2: expected 'tanh', as after every other Linear, received 'identity'",
    "two in one place": "after layer 0: expected 'tanh', as after every other Linear, received 'tanh' and 'tanh'",
    "dropout in training": "layer 2: expected Dropout with training=False, received training=True: call module.eval",
    "approximate gelu": "layer 1: expected GELU with approximate='none', received approximate='tanh'",
    "steep softplus": "layer 1: expected Softplus with beta=1, received beta=2",
    "probabilities": "after layer 2: expected nothing, as the likelihood goes on, received 'sigmoid': leave it out",
    "softmax": "layer 3: expected one of Linear, Tanh, .*, received Softmax of .*: leave it out, as",
    "activation first": "layer 0: expected a Linear before the first activation, received Tanh",
    "one linear twice": "source: expected a Linear of its own for every layer, received weights that two of them share",
    "forward of its own": "layer 0: expected one of .*, received Residual of __main__: where .* pass module.state_dict",
    "name of PyTorch's": "layer 1: expected one of Linear, .* of torch.nn, received SiLU of __main__",
    "linear's forward": "layer 0: expected one of Linear, .* of torch.nn, received Shifted of __main__",
    "sequential's forward": "layer 0: expected one of Linear, .* of torch.nn, received Sequential of __main__",
    "forward of one": "layer 1: expected a Tanh without forward of its own, or the state_dict, received forward$",
    "hook": "layer 0: expected a Linear without _forward_hooks of its own, or the state_dict, received _forward_hooks$",
    "hook before": "layer 1: expected a Tanh without _forward.* of its own, .*, received _forward_pre_hooks$",
    "hook of all": "source: expected a Sequential without _forward.* of its own, .*, received _forward_hooks$",
    "hook of some": "layer 1: expected a Sequential without _forward.* of its own, .*, received _forward_pre_hooks$",
    "hook of one layer": "layer 0: expected a Linear without _forward.* of its own, .*, received _forward_hooks$",
    "old spectral norm": "layer 0: expected a Linear without _forward.* of its own, .*, received _forward_pre_hooks$",
    "spectral norm": "layer 0: expected one of Linear, .*, received ParametrizedLinear of torch.nn.utils.parametrize",
    "pruned": "layer 0: expected a Linear without _forward.* of its own, .*, received _forward_pre_hooks$",
    "quantized": "layer 0: expected one of Linear, .*, received Linear of torch.ao.nn.qat.modules.linear",
    "no linear": "source: expected at least one Linear, received none",
}


class Tensor:
    """A parameter that NumPy cannot read before it is detached, as PyTorch's."""

    def __init__(self, array, detached=False):
        self._array, self._detached = array, detached

    def detach(self):
        return Tensor(self._array, detached=True)

    def is_complex(self):
        return np.iscomplexobj(self._array)

    def cpu(self):
        return self

    def double(self):
        return Tensor(self._array.astype(np.float64), self._detached)

    def numpy(self):
        assert self._detached
        return self._array


class Module:
    """What all stand-ins can do."""

    def __init__(self, settings, own, layers):
        self.__dict__.update(settings)
        self._own, self._layers = own, layers

    def __iter__(self):
        return iter(self._layers)

    def named_parameters(self):
        return self._own.items()


def stand_in(name):
    """Return a module as it was recorded; one that occurs twice is one object."""
    made = {}

    def make(described):
        if described["number"] not in made:
            own = {key: Tensor(RECORDS[path]) for key, path in described["own"].items()}
            kind = type(described["class"], (Module,), {"__module__": described["defined_in"]})
            layers = [make(layer) for layer in described["layers"]]
            added = {name: (print if name == "forward" else {0: print}) for name in described["added"]}
            made[described["number"]] = kind(described["settings"] | added, own, layers)
        return made[described["number"]]

    return make(json.loads(str(RECORDS[f"{name}/module"])))


def state_dict(name):
    """Return the tensors of a recorded module under the names that its own state_dict has for them."""
    paths = iter(path for path in RECORDS if path.endswith(("/weight", "/bias")) and path.startswith(f"{name}/"))
    keys = RECORDS[f"{name}/keys"].tolist()
    learnt = [key.endswith((".weight", ".bias")) or key in ("weight", "bias") for key in keys]
    return {
        key: Tensor(RECORDS[next(paths)]) if is_learnt else 0.0 for key, is_learnt in zip(keys, learnt, strict=True)
    }


# --- from PyTorch


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_module_gives_pytorchs_outputs(name):
    network, theta = from_torch(stand_in(name))
    assert theta.dtype == np.float64
    assert_close(network.forward(theta, X), RECORDS[f"{name}/outputs"])


@pytest.mark.parametrize("name", ACCEPTED)
def test_its_state_dict_gives_the_same_network(name):
    network, theta = from_torch(stand_in(name))
    activation = network.activation if len(network.sizes) > 2 else None
    same_network, same_theta = from_torch(state_dict(name), activation)
    assert same_network == network
    np.testing.assert_array_equal(same_theta, theta)


def test_the_evidence_of_a_carried_network_is_laplace_torchs():
    names = [name for name in ACCEPTED if f"{name}/evidence" in RECORDS]
    assert len(names) >= 9
    for name in names:
        network, theta = from_torch(stand_in(name))
        model = BayesianModel(network, Categorical(), prior_precision=PRIOR_PRECISION)
        la = Laplace(model, theta).fit(X, RECORDS[f"y_{network.n_outputs}"])
        np.testing.assert_allclose(la.log_marginal_likelihood(), RECORDS[f"{name}/evidence"], rtol=1e-10)


def test_the_recorded_modules_cover_every_activation():
    assert {from_torch(stand_in(name))[0].activation for name in ACCEPTED} == {
        "tanh", "sigmoid", "relu", "softplus", "silu", "gelu", "identity",
    }  # fmt: skip


def test_every_recorded_module_is_accepted_or_refused():
    assert set(MODULES) == {*ACCEPTED, *REFUSED, "complex"}


def test_complex_parameters_are_refused_and_keep_no_real_part():
    for source in (stand_in("complex"), state_dict("complex")):
        with pytest.raises(TypeError, match=r"expected real numbers, W .* received dtype complex128"):
            from_torch(source)


@pytest.mark.parametrize("name", REFUSED)
def test_a_module_that_is_no_mlp_is_refused_by_its_layer(name):
    with pytest.raises(ValueError, match=REFUSED[name]) as error:
        from_torch(stand_in(name))
    assert "\n" not in str(error.value)


def test_a_layer_within_others_is_named_by_the_way_to_it():
    for name, at in [("softmax", "layer 0.0.3"), ("hook of all", "layer 0.0")]:
        inner, outer = stand_in(name), stand_in("tanh")
        outer._layers = [type(outer)({}, {}, [inner])]
        with pytest.raises(ValueError, match=f"^{at}: expected"):
            from_torch(outer)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "convolution",
            "layer '0': expected W of shape (out, in) and b of shape (out,), received W of shape (4, 1, 3)",
        ),
        ("layer norm", "layer '1': expected W of shape (out, 4) and b of shape (out,), received W of shape (4,)"),
        ("batch norm", "layer '1': expected a Linear's weight and bias, received weight and bias and running_mean"),
        ("no bias", "layer '2': expected a Linear's weight and bias, received weight alone: give it a bias of zeros"),
    ],
)
def test_a_state_dict_that_is_no_mlps_is_refused_by_its_layer(name, message):
    tensors = state_dict(name)
    with pytest.raises(ValueError, match=re.escape(message)):
        from_torch(tensors, "relu")


def test_an_empty_name_is_no_activation():
    for name in ("tanh", "one layer"):
        with pytest.raises(ValueError, match=r"activation: expected one of .*, received ''"):
            from_torch(state_dict(name), "")


def test_a_state_dict_needs_its_activation_and_a_module_has_it():
    with pytest.raises(ValueError, match="activation: expected one, as a state_dict does not say, received None"):
        from_torch(state_dict("tanh"))
    with pytest.raises(ValueError, match="activation: expected None, as the module has its own, received 'tanh'"):
        from_torch(stand_in("tanh"), "tanh")
    with pytest.raises(ValueError, match="activation: expected one of"):
        from_torch(state_dict("tanh"), "elu")


@pytest.mark.parametrize("source", [None, np.ones(3), [(np.ones((1, 2)), np.ones(1))], MLP(2, 1)])
def test_what_is_no_module_is_refused(source):
    with pytest.raises(TypeError, match=r"source: expected a torch\.nn\.Sequential or a state_dict, received"):
        from_torch(source)
    with pytest.raises(ValueError, match="layers: expected at least one with W and b, received none"):
        from_torch({})


def test_what_an_error_advises_makes_a_network_of_it():
    tensors = state_dict("no bias")
    state = tensors | {"2.bias": np.zeros(len(tensors["2.weight"].detach().numpy()))}
    network, theta = from_torch(state, "relu")
    assert_close(network.layers(theta)[-1][0], tensors["2.weight"].detach().numpy())
    training = stand_in("dropout in training")
    for layer in training:
        layer.training = False  # as eval() does
    assert from_torch(training)[0].n_outputs > 0
    outputs = stand_in("softmax")
    outputs._layers = outputs._layers[:-1]
    assert from_torch(outputs)[0].n_outputs > 0


# --- layers, in and out


@pytest.mark.parametrize("sizes", [(2, 1), (3, 4, 2), (2, 3, 4, 1)])
def test_what_goes_out_comes_back_in(sizes):
    network = MLP(*sizes, activation="silu")
    theta = np.random.default_rng(0).normal(size=network.n_params)
    for again, same_theta in [
        from_layers(to_layers(network, theta), "silu"),
        from_torch(to_state_dict(network, theta), "silu"),
        from_torch(to_state_dict(network, theta, names=[f"layers.{l}" for l in range(len(sizes) - 1)]), "silu"),
    ]:
        assert again == network
        np.testing.assert_array_equal(same_theta, theta)


@pytest.mark.parametrize(("name", "names"), [("relu", None), ("one layer", [""])])
def test_a_state_dict_has_the_names_of_the_module_it_came_from(name, names):
    network, theta = from_torch(stand_in(name))
    state = to_state_dict(network, theta, names)
    assert list(state) == RECORDS[f"{name}/keys"].tolist()
    for key, tensor in state_dict(name).items():
        np.testing.assert_array_equal(state[key], tensor.detach().numpy())


def test_parameters_are_copies_in_and_out():
    network = MLP(2, 3, 1)
    theta = network.init(rng=0)
    before = theta.copy()
    layers = to_layers(network, theta)
    carried = from_layers(layers, "tanh")[1]
    for array in (*(part for layer in layers for part in layer), *to_state_dict(network, theta).values()):
        array[...] = 7.0
    np.testing.assert_array_equal(theta, before)
    np.testing.assert_array_equal(carried, before)


W1, B1, W2, B2 = np.ones((3, 2)), np.zeros(3), np.ones((1, 3)), np.zeros(1)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([], "layers: expected at least one with W and b, received none"),
        ([(W1, B1), W2], "layers[1]: expected a pair (W, b), received ndarray"),
        ([(W1, B1), (W2, B2, 0)], "layers[1]: expected a pair (W, b), received tuple"),
        ([(W1.T, B1)], "layers[0]: expected W of shape (out, in) and b of shape (out,), received W of shape (2, 3)"),
        ([(W1, B1), (W2.T, B1)], "layers[1]: expected W of shape (out, 3) and b of shape (out,), received W of"),
        ([(W1, 0.0)], "received W of shape (3, 2) and b of shape ()"),
        ([(np.ones((0, 2)), np.ones(0))], "received W of shape (0, 2)"),
        ([(W1, B1), (W2, [np.nan])], "layers[1], b: expected finite numbers, received nan at index 0"),
        ([(W1 * np.inf, B1)], "layers[0], W: expected finite numbers, received inf at index (0, 0)"),
    ],
)
def test_layers_that_make_no_network_are_named(layers, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        from_layers(layers, "tanh")


def test_a_layer_without_numbers_is_a_type_error():
    with pytest.raises(TypeError, match=r"layers\[0\]: expected real numbers"):
        from_layers([(W1, None)], "tanh")


def test_what_goes_out_is_checked():
    network = MLP(2, 3, 1)
    with pytest.raises(ValueError, match=r"theta: expected shape \(13,\), received shape \(3,\)"):
        to_layers(network, np.ones(3))
    with pytest.raises(TypeError, match="network: expected an MLP"):
        to_state_dict("MLP", np.ones(13))
    for names in (["a"], ["a", "a"]):
        with pytest.raises(ValueError, match="names: expected 2 different names, received"):
            to_state_dict(network, np.ones(13), names)


# --- what the README says to PyTorch's users

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
PENALTIES = dict(re.findall(r"^\| ((?:`\w+Loss\(\)`|scikit-learn's).*?) \| `(.*)` \|$", README, flags=re.MULTILINE))


def test_its_five_lines_run_on_a_module_of_pytorchs():
    (code,) = re.findall(r"```py\n(.*?)```", README, flags=re.DOTALL)
    name = next(name for name in ACCEPTED if RECORDS[f"{name}/outputs"].shape[1] > 2)
    C = RECORDS[f"{name}/outputs"].shape[1]
    names = {"module": stand_in(name), "X": X, "y": np.arange(len(X)) % C, "weight_decay": 0.01, "X_new": X[:3]}
    exec(compile(code, "README.md", "exec"), names)
    assert names["p"].shape == (3, C)
    np.testing.assert_allclose(names["p"].sum(axis=1), 1.0, rtol=1e-14)
    np.testing.assert_array_equal(names["la"].theta, from_torch(stand_in(name))[1])


def mean_cross_entropy(f, y):
    return -np.mean(np.log(softmax(f, axis=1)[np.arange(len(y)), y]))


def mean_binary_cross_entropy(f, y):
    return -np.mean(y * np.log(expit(f[:, 0])) + (1 - y) * np.log(expit(-f[:, 0])))


def mean_squared_error(f, y):
    return np.mean((f - y) ** 2)


@pytest.mark.parametrize(
    ("loss", "likelihood", "C"),
    [
        (mean_cross_entropy, Categorical(), 3),
        (mean_binary_cross_entropy, Bernoulli(), 1),
        (mean_squared_error, Gaussian(0.3), 2),
    ],
)
def test_a_weight_decay_on_a_mean_loss_is_the_prior_that_it_says(loss, likelihood, C):
    # PyTorch's definitions of the three losses; its weight_decay adds weight_decay * theta to the gradient.
    rng = np.random.default_rng(0)
    N, weight_decay = 40, 0.02
    network, inputs = MLP(2, 5, C), rng.normal(size=(N, 2))
    y = rng.normal(size=(N, C)) if isinstance(likelihood, Gaussian) else np.arange(N) % max(C, 2)
    row = "MSELoss" if isinstance(likelihood, Gaussian) else "CrossEntropyLoss"
    (formula,) = [PENALTIES[trained] for trained in PENALTIES if row in trained]
    precision = eval(formula, {"N": N, "C": C, "weight_decay": weight_decay, "sigma_noise": 0.3})
    model = BayesianModel(network, likelihood, prior_precision=precision)
    thetas = rng.normal(size=(4, network.n_params))
    theirs = [loss(network.forward(t, inputs), y) + weight_decay / 2 * t @ t for t in thetas]
    ours = [model.loss(t, inputs, y) for t in thetas]
    scale = N * C / (2 * 0.3**2) if isinstance(likelihood, Gaussian) else N
    np.testing.assert_allclose(np.diff(ours), scale * np.diff(theirs), rtol=1e-12)  # up to a constant, the same


@pytest.mark.parametrize(("solver", "B"), [("lbfgs", 60), ("adam", 15), ("sgd", 60)])
def test_scikit_learns_alpha_is_the_prior_that_it_says(solver, B):
    (formula,) = [PENALTIES[trained] for trained in PENALTIES if "scikit-learn" in trained]
    mlp = MLPClassifier(solver=solver, batch_size=B, alpha=0.3)
    assert eval(formula, {"N": 60, "alpha": 0.3, "B": B}) == pytest.approx(matching_precision(mlp, 60), rel=1e-15)

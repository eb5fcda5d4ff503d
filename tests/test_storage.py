"""A posterior survives its file to the last bit, and a file that is not one is refused, whatever it is."""

import json
import os
import zipfile

import numpy as np
import pytest

from minilaplace import (
    MLP,
    BayesianModel,
    Bernoulli,
    BradleyTerry,
    Categorical,
    Gaussian,
    HeteroscedasticGaussian,
    Laplace,
    Poisson,
)
from minilaplace.network import PairedMLP
from minilaplace.storage import _checksum
from minilaplace.structures.fit import STRUCTURES

CASES = {
    "bernoulli": (MLP(2, 3, 1), Bernoulli(), {}),
    "labels": (MLP(2, 3, 2), Bernoulli(), {"temperature": 2.0}),
    "counts": (MLP(2, 3, 2), Poisson(), {"hessian_structure": "blockdiag"}),
    "pairs": (MLP(2, 3, 1), BradleyTerry(), {"hessian_structure": "diag"}),
    "categorical": (MLP(2, 3, 3, activation="gelu"), Categorical(), {"temperature": 0.1}),
    "gaussian": (MLP(2, 3, 2), Gaussian(0.1), {"curvature": "empirical_fisher"}),
    "noises": (MLP(2, 3, 2), Gaussian((0.1, 1 / 3)), {"subset_of_weights": "last_layer"}),
    "heteroscedastic": (MLP(2, 3, 2), HeteroscedasticGaussian(), {"hessian_structure": "lowrank", "rank": 4}),
    "subnetwork": (MLP(2, 3, 1), Bernoulli(), {"subset_of_weights": "subnetwork", "subnetwork_indices": [7, 0, 3]}),
} | {structure: (MLP(2, 4, 3), Categorical(), {"hessian_structure": structure}) for structure in STRUCTURES}


def fitted(name="bernoulli", prior="scalar"):
    network, likelihood, options = CASES[name]
    rng, P = np.random.default_rng(0), network.n_params
    X = rng.normal(size=(9, 2, 2) if isinstance(likelihood, BradleyTerry) else (9, 2))
    y = rng.normal(size=(9, 2)) if isinstance(likelihood, Gaussian) else rng.integers(0, 2, size=9)
    if name in ("labels", "counts"):
        y = rng.integers(0, 2, size=(9, 2))
    precision = {"scalar": 1 / 3, "vector": rng.uniform(1, 2, size=P), "matrix": np.eye(P) + 0.1}[prior]
    model = BayesianModel(network, likelihood, precision, 0.1)
    return Laplace(model, rng.normal(size=P), **options).fit(X, y), X, y


def assert_same(one, other, X):
    """Equal to the last bit."""
    assert one.model.network == other.model.network
    assert one.model.likelihood == other.model.likelihood
    assert one.n_data == other.n_data
    for a, b in [
        (one.theta, other.theta),
        (one.posterior.precision(), other.posterior.precision()),
        (np.asarray(one.predict(X)), np.asarray(other.predict(X))),
        (one.sample(2, rng=0), other.sample(2, rng=0)),
        (one.log_marginal_likelihood(), other.log_marginal_likelihood()),
    ]:
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", CASES)
def test_what_was_saved_is_loaded_and_goes_on(name, tmp_path):
    la, X, y = fitted(name)
    la.save(tmp_path / "la.npz")
    twin = Laplace.load(tmp_path / "la.npz")
    assert_same(twin, la, X)
    for each in (la, twin):
        each.fit(X[:4], y[:4], override=False)
    assert_same(twin, la, X)


@pytest.mark.parametrize("prior", ["scalar", "vector", "matrix"])
def test_every_prior_is_saved(prior, tmp_path):
    la, X, _ = fitted(prior=prior)
    la.save(str(tmp_path / "la"))  # the name is taken as it is
    assert_same(Laplace.load(str(tmp_path / "la")), la, X)


def test_a_tuned_noise_and_the_noise_of_the_fit_are_both_saved(tmp_path):
    la, X, y = fitted("gaussian")
    la.optimize_prior_precision(optimize_noise=True)
    la.save(tmp_path / "la.npz")
    twin = Laplace.load(tmp_path / "la.npz")
    assert_same(twin, la, X)
    assert_same(twin.fit(X, y, override=False), la.fit(X, y, override=False), X)


def test_what_has_no_data_yet_is_saved(tmp_path):
    la, X, y = fitted()
    empty = Laplace(la.model, la.theta)
    empty.save(tmp_path / "la.npz")
    twin = Laplace.load(tmp_path / "la.npz")
    assert twin.n_data == 0
    assert_same(twin.fit(X, y), la, X)


def test_the_file_needs_no_pickle(tmp_path):
    fitted()[0].save(tmp_path / "la.npz")
    with np.load(tmp_path / "la.npz", allow_pickle=False) as file:
        assert all(file[name].dtype.kind in "fiU" for name in file.files)


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ({"hessian_structure": "lowrank", "rank": np.int64(3)}, {"rank": 3}),
        ({"temperature": np.float32(0.5)}, {"temperature": 0.5}),
        ({"temperature": np.array(2)}, {"temperature": 2.0}),
        (
            {"curvature": np.str_("empirical_fisher"), "hessian_structure": np.str_("diag")},
            {"curvature": "empirical_fisher"},
        ),
        ({"subset_of_weights": np.str_("last_layer")}, {"subset_of_weights": "last_layer"}),
    ],
)
def test_choices_in_numpys_types_are_kept_in_pythons_and_saved(options, kept, tmp_path):
    la, X, y = fitted()
    la = Laplace(la.model, la.theta, **options).fit(X, y)
    for name, value in kept.items():
        assert (type(getattr(la.options, name)), getattr(la.options, name)) == (type(value), value)
    la.save(tmp_path / "la.npz")
    assert_same(Laplace.load(tmp_path / "la.npz"), la, X)


def test_a_network_and_noises_in_numpys_types_are_saved(tmp_path):
    network = MLP(*np.array([2, 3, 2]), activation=np.str_("relu"))
    model = BayesianModel(network, Gaussian(np.array([0.5, 2.0], dtype=np.float32)))
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(9, 2)), rng.normal(size=(9, 2))
    la = Laplace(model, network.init(rng)).fit(X, y)
    la.save(tmp_path / "la.npz")
    assert_same(Laplace.load(tmp_path / "la.npz"), la, X)


@pytest.mark.parametrize("indices", [[7, 0, 3], np.isin(np.arange(13), [0, 3, 7]), (1, 2)])
def test_every_form_of_a_subset_is_saved(indices, tmp_path):
    la, X, y = fitted("bernoulli")
    la = Laplace(la.model, la.theta, subset_of_weights="subnetwork", subnetwork_indices=indices).fit(X, y)
    la.save(tmp_path / "la.npz")
    assert_same(Laplace.load(tmp_path / "la.npz"), la, X)


# --- what is refused


def rewritten(path, **changes):
    """Write the file again with some entries changed, and a checksum that fits."""
    with np.load(path) as file:
        contents = dict(file) | changes
    del contents["checksum"]
    np.savez(path, **contents, checksum=np.array(_checksum(contents)))


def changed_header(path, **changes):
    with np.load(path) as file:
        header = json.loads(str(file["header"])) | changes
    rewritten(path, header=np.array(json.dumps(header)))


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:500]), "damaged or something else"),
        (lambda path: path.write_text("theta"), "damaged or something else"),
        (lambda path: path.write_bytes(b""), "damaged or something else"),
        (lambda path: np.savez(path, theta=np.ones(3)), "which holds something else"),
        (lambda path: np.savez(path, header=np.array([{}], dtype=object), checksum=0), "damaged or something else"),
        (lambda path: changed_header(path, version=2), "'minilaplace.Laplace' version 2"),
        (lambda path: changed_header(path, format="other"), "'other' version 1"),
        (lambda path: changed_header(path, likelihood={"name": "Student"}), "do not fit together"),
        (
            lambda path: changed_header(path, network={"sizes": [2, 9, 1], "activation": "tanh"}),
            "do not fit together",
        ),
        (lambda path: rewritten(path, header=np.array("{")), "do not fit together"),
        (lambda path: rewritten(path, part_0=np.ones((2, 2))), "do not fit together"),
    ],
)
def test_a_file_that_is_not_one_is_refused(damage, why, tmp_path):
    la, _, _ = fitted()
    path = tmp_path / "la.npz"
    la.save(path)
    damage(path)
    with pytest.raises(ValueError, match=f"^path: expected .*, received .*{why}"):
        Laplace.load(path)


def test_a_missing_file_is_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        Laplace.load(tmp_path / "none.npz")


TRIES = int(os.environ.get("MINILAPLACE_EXAMPLES", "1000"))  # 10000 takes some 20 s


def flipped(whole, at, rng):
    return whole[:at] + bytes([whole[at] ^ int(rng.integers(1, 256))]) + whole[at + 1 :]


DAMAGES = {
    "a byte is another": flipped,
    "cut off": lambda whole, at, rng: whole[:at],
    "some bytes are missing": lambda whole, at, rng: whole[:at] + whole[at + int(rng.integers(1, 64)) :],
    "some bytes are too many": lambda whole, at, rng: whole[:at] + rng.bytes(int(rng.integers(1, 64))) + whole[at:],
    "some bytes stand twice": lambda whole, at, rng: whole[: at + 32] + whole[at:],
    "some bytes are zero": lambda whole, at, rng: whole[:at] + bytes(len(whole[at : at + 32])) + whole[at + 32 :],
}


@pytest.mark.parametrize(("damage", "share"), [("a byte is another", 0.8), *((d, 0.04) for d in list(DAMAGES)[1:])])
@pytest.mark.parametrize("name", ["bernoulli", "kron"])
def test_a_damaged_file_is_refused_or_loads_the_same_numbers(name, damage, share, tmp_path):
    la, X, _ = fitted(name)
    path = tmp_path / "la.npz"
    la.save(path)
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    tries, refused = int(TRIES * share / 2), 0
    for _ in range(tries):
        path.write_bytes(DAMAGES[damage](whole, int(rng.integers(len(whole))), rng))
        try:
            assert_same(Laplace.load(path), la, X)  # where the bytes say nothing, such as in a time stamp
        except ValueError as error:
            assert str(error).startswith("path: expected")  # noqa: PT017
            refused += 1
    assert refused > 0.6 * tries


@pytest.mark.parametrize("name", ["theta", "prior_precision", "part_0", "header"])
def test_other_contents_under_the_old_checksum_are_refused(name, tmp_path):
    # Zip's own checksums see damage to a file; this one is for what has been packed anew.
    la, _, _ = fitted()
    path = tmp_path / "la.npz"
    la.save(path)
    with np.load(path) as file:
        contents = dict(file)
    contents[name] = np.array(str(contents[name]) + " ") if name == "header" else contents[name] * (1 + 1e-15)
    np.savez(path, **contents)
    with pytest.raises(ValueError, match=r"^path: expected .* damaged: its checksum is not that of its contents$"):
        Laplace.load(path)


def test_an_interrupted_save_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    la, X, _ = fitted()
    path = tmp_path / "la.npz"
    la.save(path)

    def interrupted(file, **arrays):
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fitted("gaussian")[0].save(path)
    monkeypatch.undo()
    assert [file.name for file in tmp_path.iterdir()] == ["la.npz"]
    assert_same(Laplace.load(path), la, X)
    assert zipfile.is_zipfile(path)


def test_a_network_of_pairs_stays_one_under_any_likelihood(tmp_path):
    model = BayesianModel(PairedMLP(2, 3, 1), Bernoulli())
    rng = np.random.default_rng(0)
    pairs, y = rng.normal(size=(9, 2, 2)), rng.integers(0, 2, size=9)
    la = Laplace(model, rng.normal(size=model.network.n_params)).fit(pairs, y)
    la.save(tmp_path / "pairs.npz")
    np.testing.assert_array_equal(Laplace.load(tmp_path / "pairs.npz").predict(pairs), la.predict(pairs))

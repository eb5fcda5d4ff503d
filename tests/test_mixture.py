"""A mixture of Laplace approximations is the weighted average of what its components predict."""

import numpy as np
import pytest
from problems import OnlySlices, assert_close, random_problem

from minilaplace import (
    MLP,
    BayesianModel,
    Bernoulli,
    Categorical,
    Gaussian,
    HeteroscedasticGaussian,
    Laplace,
    Prediction,
    deep_ensemble,
    fit_map,
    toy_data_non_linear,
    toy_data_regression,
)
from minilaplace.model_average import mixture

N_OUTPUTS = {"bernoulli": 1, "categorical": 3, "gaussian": 2}
W = np.array([0.5, 0.2, 0.3])


def components(name, K=3, **options):
    """Return fits of one model at K random places, and inputs to predict at."""
    model, theta, X, y = random_problem(name, (4,), "tanh", N_OUTPUTS[name], n_samples=9, prior_precision=3.0)
    rng = np.random.default_rng(1)
    thetas = theta + rng.normal(size=(K, len(theta)))
    X_new = rng.normal(size=(6, 2))
    return [Laplace(model, t, **options).fit(X, y) for t in thetas], X_new


@pytest.mark.parametrize("link", [None, "plugin", "mc", "nn"])
@pytest.mark.parametrize("name", N_OUTPUTS)
def test_copies_of_one_are_that_one(name, link):
    (la, *_), X = components(name)
    for weights in ("evidence", "uniform", [3, 1, 2]):
        received = mixture([la] * 3, X, link, weights=weights, n_samples=4000, rng=0)
        expected = la.predict(X, link, n_samples=4000, rng=0)
        # A sample's streams differ between components: 4000 draws of values up to 2 or so, weighted.
        rtol = 1e-14 if link in (None, "plugin") else 0.15
        assert_close(np.array(received), np.array(expected), rtol=rtol)


@pytest.mark.parametrize("name", ["bernoulli", "categorical"])
def test_probabilities_are_averaged(name):
    laplaces, X = components(name)
    expected = sum(w * la.predict(X, "probit") for w, la in zip(W, laplaces, strict=True))
    for size in (7, 1e-200, 1e200):  # of any sum
        assert_close(mixture(laplaces, X, "probit", weights=size * W), expected, rtol=1e-15)


def test_mean_and_variance_are_those_of_samples_of_the_mixture():
    # Targets are drawn: a component by its weight, then from its Gaussian.
    laplaces, X = components("gaussian")
    received = mixture(laplaces, X, weights=W)
    assert isinstance(received, Prediction)
    rng, S = np.random.default_rng(0), 200_000
    which = rng.choice(3, size=S, p=W)
    means, variances = np.array([la.predict(X) for la in laplaces]).swapaxes(0, 1)
    y = means[which] + np.sqrt(variances[which]) * rng.standard_normal((S, *means.shape[1:]))
    deviation = np.sqrt(received.variance / S)
    assert (np.abs(y.mean(axis=0) - received.mean) < 5 * deviation).all()
    np.testing.assert_allclose(y.var(axis=0), received.variance, rtol=0.03)  # sqrt(2 / S) is 0.003; the tails are heavy
    assert (received.variance > np.tensordot(W, variances, axes=1)).all()


def test_a_predicted_noise_is_averaged_too():
    network, rng = MLP(2, 3, 2), np.random.default_rng(0)
    model = BayesianModel(network, HeteroscedasticGaussian(), 5.0)
    X, y = rng.normal(size=(9, 2)), rng.normal(size=9)
    laplaces = [Laplace(model, rng.normal(size=network.n_params)).fit(X, y) for _ in W]
    means, variances = np.array([la.predict(X) for la in laplaces]).swapaxes(0, 1)
    mean, variance = mixture(laplaces, X, weights=W)
    assert_close(mean, np.tensordot(W, means, axes=1))
    assert_close(variance, np.tensordot(W, variances + means**2, axes=1) - mean**2)


def test_weights_by_evidence_are_proportional_to_it():
    laplaces, X = components("bernoulli")
    evidence = np.array([la.log_marginal_likelihood() for la in laplaces])
    w = np.exp(evidence - evidence.max())
    p = np.array([la.predict(X) for la in laplaces])
    assert_close(mixture(laplaces, X), w / w.sum() @ p, rtol=1e-14)
    assert_close(mixture(laplaces, X, weights="uniform"), p.mean(axis=0), rtol=1e-15)


def test_the_evidence_prefers_the_component_that_explains_the_data():
    X, y = toy_data_regression(60, noise=0.2, rng=0)
    models = [BayesianModel(MLP(1, 6, 1), Gaussian(sigma), 1.0) for sigma in (0.2, 2.0)]
    right, wrong = (Laplace(model, fit_map(model, X, y, rng=0)).fit(X, y) for model in models)
    assert right.log_marginal_likelihood() > wrong.log_marginal_likelihood() + 50
    assert_close(np.array(mixture([wrong, right], X)), np.array(right.predict(X)), rtol=1e-14)


def test_mirror_images_of_a_mode_do_not_change_the_mixture():
    # All 2^H H! of them, H = 3, have the evidence of the mode itself: the factor cancels, as the docstring says.
    X, y = toy_data_non_linear(60, rng=0)
    model = BayesianModel(MLP(2, 3, 1), Bernoulli(), 0.5)
    theta, other = deep_ensemble(model, X, y, 2, rng=0)
    mirrored = np.empty_like(theta)
    signs, order = np.array([1, -1, -1]), [2, 0, 1]
    for (W_new, b_new), (W_old, b_old), layer in zip(
        model.network.layers(mirrored), model.network.layers(theta), (0, 1), strict=True
    ):
        W_new[...] = (W_old * signs[:, None])[order] if layer == 0 else (W_old * signs)[:, order]
        b_new[...] = (b_old * signs)[order] if layer == 0 else b_old
    one, two, image = (Laplace(model, t).fit(X, y) for t in (theta, other, mirrored))
    assert image.log_marginal_likelihood() == pytest.approx(one.log_marginal_likelihood(), abs=1e-9)
    assert_close(mixture([image, two], X), mixture([one, two], X), rtol=1e-10)


def test_components_may_have_their_own_structure_and_prior():
    laplaces, X = components("bernoulli")
    cheap, _ = components("bernoulli", hessian_structure="kron")
    mixed = [laplaces[0], laplaces[1].under(0.7), cheap[2]]
    assert_close(mixture(mixed, X, weights=W), W @ [la.predict(X) for la in mixed], rtol=1e-15)


def test_other_architectures_are_averaged_under_given_weights():
    X, y = toy_data_non_linear(40, rng=0)
    laplaces = []
    for hidden in (3, 5):
        model = BayesianModel(MLP(2, hidden, 1), Bernoulli())
        laplaces.append(Laplace(model, fit_map(model, X, y, rng=0)).fit(X, y))
    p = [la.predict(X) for la in laplaces]
    assert_close(mixture(laplaces, X, weights=[1, 3]), 0.25 * p[0] + 0.75 * p[1], rtol=1e-15)


def test_between_architectures_the_evidence_counts_mirror_images():
    X, y = toy_data_non_linear(40, rng=0)
    laplaces, n_images = [], np.array([2**3 * 6, 2**4 * 24, 6, 1])  # tanh, tanh, sigmoid; no hidden layer
    for network in (MLP(2, 3, 1), MLP(2, 4, 1), MLP(2, 3, 1, activation="sigmoid"), MLP(2, 1)):
        model = BayesianModel(network, Bernoulli(), 0.5)
        laplaces.append(Laplace(model, fit_map(model, X, y, rng=0)).fit(X, y))
    w = n_images * np.exp([la.log_marginal_likelihood() for la in laplaces])
    p = np.array([la.predict(X) for la in laplaces])
    assert_close(mixture(laplaces, X), w / w.sum() @ p, rtol=1e-12)
    rotated = fit(MLP(2, 3, 1, activation="identity"), data=(X, y))
    assert_close(mixture([rotated, rotated], X), rotated.predict(X), rtol=1e-14)
    with pytest.raises(ValueError, match=r"^network: expected a network whose equal modes can be counted"):
        mixture([laplaces[0], rotated], X)


@pytest.mark.parametrize("options", [{}, {"n_samples": 1}], ids=["by default", "one"])
def test_each_component_draws_as_many_samples_as_predict_does(options):
    (la, *_), X = components("bernoulli")
    received = mixture([la], X, "mc", rng=4, **options)
    assert_close(received, la.predict(X, "mc", rng=np.random.default_rng(4).spawn(1)[0], **options), rtol=1e-15)


def test_every_component_draws_from_a_stream_of_its_own():
    laplaces, X = components("bernoulli")
    received = mixture(laplaces, X, "mc", weights=W, n_samples=5, rng=4)
    streams = np.random.default_rng(4).spawn(3)
    each = [la.predict(X, "mc", n_samples=5, rng=own) for la, own in zip(laplaces, streams, strict=True)]
    assert_close(received, W @ each, rtol=1e-15)
    np.testing.assert_array_equal(received, mixture(laplaces, X, "mc", weights=W, n_samples=5, rng=4))
    assert not np.array_equal(received, mixture(laplaces, X, "mc", weights=W, n_samples=5, rng=5))


# --- bad input

DATA = np.ones((4, 2)), np.array([0, 1, 1, 0])


def fit(network=None, likelihood=None, data=DATA, **options):
    model = BayesianModel(network or MLP(2, 3, 1), likelihood or Bernoulli())
    return Laplace(model, np.linspace(-1, 1, model.network.n_params), **options).fit(*data)


ONE, LAST = fit(), fit(subset_of_weights="last_layer")
BAD = [
    ([ONE, fit(data=(DATA[0][:3], DATA[1][:3]))], "uniform", "fits that share a number of samples, received 4 and 3"),
    ([ONE, fit(likelihood=Gaussian())], "uniform", "fits that share a likelihood, received Bernoulli and Gaussian"),
    ([fit(MLP(2, 3), Categorical()), fit(MLP(2, 2), Categorical())], "uniform", "fits that share a number of outputs"),
    ([ONE, fit(MLP(3, 3, 1), data=(np.ones((4, 3)), DATA[1]))], "uniform", "fits that share a shape of inputs, receiv"),
    (
        [ONE, ONE, LAST],
        "evidence",
        "fits that share their uncertain parameters for weights='evidence' (or give weights), received those of the "
        "first and others at index 2",
    ),
    (
        [LAST, fit(MLP(2, 3, 1, activation="relu"), subset_of_weights="last_layer")],
        "evidence",
        "fits that share an architecture, as these are not all parameters, for weights='evidence' (or give weights)",
    ),
    ([ONE, fit(temperature=2.0)], "evidence", "fits that share a temperature for weights='evidence' (or give weights)"),
    ([ONE, Laplace(ONE.model, ONE.theta)], "uniform", "a list of fitted Laplace, received one without data"),
]


@pytest.mark.parametrize(("laplaces", "weights", "message"), BAD, ids=[message for *_, message in BAD])
def test_components_that_do_not_belong_together_are_refused(laplaces, weights, message):
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"^laplaces: expected ") as refused:
        mixture(laplaces, DATA[0], weights=weights, rng=rng)
    assert str(refused.value).startswith(f"laplaces: expected {message}")
    assert rng.bit_generator.seed_seq.n_children_spawned == 0


def test_inputs_on_a_disk_are_read_by_slices():
    parts = [fit(), fit()]
    X = np.random.default_rng(0).normal(size=(7, 2))
    np.testing.assert_array_equal(mixture(parts, OnlySlices(X)), mixture(parts, X))


def test_an_unknown_weighting_or_link_is_refused():
    with pytest.raises(ValueError, match=r"^weights: expected one of 'evidence', 'uniform', received 'mass'"):
        mixture([ONE], DATA[0], weights="mass")
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"^link_approx: expected one of"):
        mixture([ONE], DATA[0], "bridge", rng=rng)
    assert rng.bit_generator.seed_seq.n_children_spawned == 0
    with pytest.raises(ValueError, match=r"^weights: expected shape \(1,\)"):
        mixture([ONE], DATA[0], weights=[1, 2])


@pytest.mark.parametrize("laplaces", [ONE, (), iter([ONE])], ids=["one", "none", "iterator"])
def test_what_is_no_list_of_fits_is_refused(laplaces):
    with pytest.raises(TypeError, match=r"^laplaces: expected a list of fitted Laplace, received "):
        mixture(laplaces, DATA[0])

"""Several labels a sample: of a single layer they are independent logistic regressions, and every room takes them.

A single layer gives label c its own weights W[c] and bias b[c]. Its GGN and its Hessian have no entry between two
labels, so that everything is that of C models with one logit each, which other files hold to their oracles.
"""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from problems import Known, assert_close, random_problem
from scipy import stats
from scipy.special import expit

from minilaplace import MLP, BayesianModel, Bernoulli, Laplace, average, deep_ensemble, fit_map, hmc, mc_dropout
from minilaplace.calibration import brier_score, negative_log_likelihood
from minilaplace.plotting import plot_contour
from minilaplace.predictive import entropies, quadrature
from minilaplace.predictive.links import average_of_sigmoid

RNG = np.random.default_rng(0)
N, D, C = 60, 2, 3
X = RNG.normal(size=(N, D))
Y = RNG.binomial(1, expit(X @ RNG.normal(scale=2, size=(D, C)) + [0.5, -0.5, 1.0]))  # (N, C)
X_NEW = 2 * RNG.normal(size=(20, D))
PRIOR = 0.5
TOGETHER = BayesianModel(MLP(D, C), Bernoulli(), PRIOR)
ALONE = BayesianModel(MLP(D, 1), Bernoulli(), PRIOR)
THETAS = [fit_map(ALONE, X, y, rng=0) for y in Y.T]  # C of (D + 1,)
THETA = np.concatenate([*[theta[:D] for theta in THETAS], *[theta[D:] for theta in THETAS]])  # W row by row, then b
PLACES = [np.append(np.arange(D) + c * D, C * D + c) for c in range(C)]  # of label c's parameters in theta


def both(**options):
    """Return the fit of all labels, and the fits of each, at the same theta."""
    together = Laplace(TOGETHER, THETA, **options).fit(X, Y)
    return together, [Laplace(ALONE, theta, **options).fit(X, y) for theta, y in zip(THETAS, Y.T, strict=True)]


def test_the_map_estimate_is_that_of_each_label():
    # Either gradient may be off by 1e-6 max(1, loss), here 1e-4, and the curvature is at least the prior's.
    theta = fit_map(TOGETHER, X, Y, rng=1)
    assert TOGETHER.loss(theta, X, Y) < 100
    np.testing.assert_allclose(theta, THETA, rtol=0, atol=1e-4)
    assert np.abs(TOGETHER.gradient(THETA, X, Y)).max() < 1e-4
    of_each = sum(ALONE.loss(t, X, y) for t, y in zip(THETAS, Y.T, strict=True))
    assert TOGETHER.loss(THETA, X, Y) == pytest.approx(of_each, rel=1e-14)


FORMS = [*(("ggn", each) for each in ("full", "blockdiag", "kron", "diag", "gp")), ("hessian", "full")]


@pytest.mark.parametrize(("curvature", "structure"), FORMS)
def test_the_posterior_has_a_block_for_each_label_and_the_evidences_add_up(curvature, structure):
    together, each = both(hessian_structure=structure, curvature=curvature)
    expected = np.zeros((len(THETA), len(THETA)))
    for places, la in zip(PLACES, each, strict=True):
        expected[np.ix_(places, places)] = la.posterior.covariance()
    assert_close(together.posterior.covariance(), expected)
    evidence = sum(la.log_marginal_likelihood() for la in each)
    assert together.log_marginal_likelihood() == pytest.approx(evidence, rel=1e-12)
    other = sum(la.log_marginal_likelihood(2.0) for la in each)
    assert together.log_marginal_likelihood(2.0) == pytest.approx(other, rel=1e-12)
    for link in ("probit", "plugin", "quadrature"):
        p = together.predict(X_NEW, link)
        assert p.shape == (20, C)
        assert_close(p, np.column_stack([la.predict(X_NEW, link) for la in each]))


@pytest.mark.parametrize("link", ["mc", "nn"])
def test_the_links_that_sample_converge_to_the_average_of_each_label(link):
    together, each = both()
    exact = np.column_stack([la.predict(X_NEW, "quadrature") for la in each])
    S = 20_000
    received = together.predict(X_NEW, link, n_samples=S, rng=0)
    assert np.abs(received - exact).max() < 5 * 0.5 / np.sqrt(S)  # five standard errors of at most 1/2


def test_an_empirical_fisher_is_not_that_of_independent_labels():
    # It squares the gradient of a sample as a whole: a sample is wrong in several labels at once.
    together, _ = both(curvature="empirical_fisher")
    g = Bernoulli().gradient(TOGETHER.network.forward(THETA, X), Y)  # (N, C)
    between = np.einsum("n,ni,nj->ij", g[:, 0] * g[:, 1], X, X)  # of the weights of labels 0 and 1
    assert np.abs(between).max() > 0.1
    assert_close(together.posterior.precision()[:D, D : 2 * D], between)


def test_quadrature_is_that_of_each_logit_and_keeps_the_shape_of_one():
    m, v = 3 * RNG.normal(size=(8, C)), RNG.uniform(0.01, 9, size=(8, C))
    received = quadrature(Bernoulli(), Known(m, v[:, :, None] * np.eye(C)))
    assert received.shape == (8, C)
    for c in range(C):
        np.testing.assert_array_equal(received[:, c], average_of_sigmoid(m[:, c], v[:, c]))
        one = quadrature(Bernoulli(), Known(m[:, [c]], v[:, [c], None]))
        np.testing.assert_array_equal(one, received[:, c])


def test_a_labels_entropy_is_its_own():
    model, theta, X, y = random_problem("labels", (4,), "tanh", 2, n_samples=20, prior_precision=2.0)
    la = Laplace(model, theta).fit(X, y)
    p = expit(la.functional_samples(X, 4000, rng=5))  # (S, N, C)
    received = la.uncertainty(X)
    for c in range(2):
        total, aleatoric, epistemic = entropies(np.stack([1 - p[:, :, c], p[:, :, c]], axis=-1))
        np.testing.assert_allclose(received.total[:, c], total, atol=0.02)  # 4,000 samples
        np.testing.assert_allclose(received.aleatoric[:, c], aleatoric, atol=0.02)
        np.testing.assert_allclose(received.epistemic[:, c], epistemic, atol=0.01)
    np.testing.assert_allclose(received.total, stats.bernoulli(la.predict(X, "quadrature")).entropy(), rtol=1e-12)
    assert received.epistemic.min() > 0


def test_entropies_of_several_labels_of_k_classes_are_those_of_each_label():
    p = RNG.dirichlet(np.ones(4), size=(50, 6, C))  # (S, N, C, K)
    for c in range(C):
        for received, expected in zip(entropies(p), entropies(p[:, :, c]), strict=True):
            np.testing.assert_allclose(received[:, c], expected, rtol=1e-13)
    total = stats.entropy(p.mean(axis=0), axis=-1)  # (N, C)
    np.testing.assert_allclose(entropies(p).total, total, rtol=1e-13)


def test_the_log_score_is_the_sum_over_labels():
    p, y = RNG.uniform(size=(30, C)), RNG.integers(0, 2, size=(30, C))
    np.testing.assert_allclose(Bernoulli().log_score(p, y), stats.bernoulli.logpmf(y, p).sum(axis=1), rtol=1e-14)
    one = Bernoulli().log_score(p[:, 0], y[:, 0])
    np.testing.assert_allclose(one, stats.bernoulli.logpmf(y[:, 0], p[:, 0]), rtol=1e-14)
    sure = Bernoulli().log_score(np.array([[0.0, 1.0]]), np.array([[1, 1]]))
    np.testing.assert_allclose(sure, [np.log(np.finfo(float).eps)], rtol=1e-14)  # what is impossible counts as eps


def test_held_out_labels_choose_the_prior_that_makes_them_most_probable():
    model = BayesianModel(MLP(D, 3, C), Bernoulli(), PRIOR)
    la = Laplace(model, fit_map(model, X[:20], Y[:20], rng=0)).fit(X[:20], Y[:20])
    rng = np.random.default_rng(0)
    f = model.network.forward(la.theta, X_NEW)
    y_new = rng.binomial(1, expit(f + 2 * rng.normal(size=f.shape)))  # less sure than la is
    chosen = la.optimize_prior_precision("held_out", X=X_NEW, y=y_new).model.prior_precision

    def score(prior_precision):
        return stats.bernoulli.logpmf(y_new, la.under(prior_precision).predict(X_NEW)).sum()

    assert 1e-6 < chosen < 1e6
    assert score(chosen) >= max(score(r * chosen) for r in (0.5, 0.9, 1.1, 2.0, 100.0))


def test_the_evidence_chooses_one_prior_for_all_labels():
    together, each = both()
    chosen = together.optimize_prior_precision().model.prior_precision

    def evidence(prior_precision):
        return sum(la.log_marginal_likelihood(prior_precision) for la in each)

    assert evidence(chosen) >= max(evidence(chosen * r) for r in (0.9, 0.99, 1.01, 1.1))


def test_its_rivals_average_over_labels_too():
    model = BayesianModel(MLP(D, 4, C), Bernoulli(), 1.0)
    members = deep_ensemble(model, X, Y, 3, rng=0)
    p = average(model, members, X_NEW)
    assert_close(p, np.mean([expit(model.network.forward(theta, X_NEW)) for theta in members], axis=0))
    dropped = mc_dropout(model, X, Y, 5, rng=0, epochs=2)
    assert average(model, dropped, X_NEW).shape == (20, C)
    chains = hmc(TOGETHER, X, Y, 400, n_chains=2, n_warmup=300, rng=0)
    truth = average(TOGETHER, chains.truth(1.05), X_NEW)
    # Twice the error that Laplace's Gaussian has here against 800 draws from the posterior itself.
    np.testing.assert_allclose(truth, both()[0].predict(X_NEW, "quadrature"), rtol=0, atol=0.1)


def test_a_sample_is_left_out_with_all_its_labels():
    together, each = both()
    for link in ("probit", "quadrature"):
        expected = [la.leave_one_out(X, y, link) for la, y in zip(each, Y.T, strict=True)]
        assert_close(together.leave_one_out(X, Y, link), np.column_stack(expected), 1e-11)


def test_each_label_tells_by_itself_and_all_together_what_they_tell_of_their_own_weights():
    together, each = both()
    assert_close(together.information_gain(X_NEW, rng=0), together.uncertainty(X_NEW, rng=0).epistemic)
    assert together.information_gain(X_NEW, rng=0).shape == (20, C)
    joint = sum(la.information_gain(X_NEW, joint=True) for la in each)
    assert together.information_gain(X_NEW, joint=True) == pytest.approx(joint, rel=1e-10)


def test_a_budget_counts_the_nats_of_all_labels_of_a_sample():
    la = both()[0].optimize_prior_precision("budget", X=X, y=Y, budget=0.01)
    cost = (Bernoulli().log_score(la.predict(X, "plugin"), Y) - Bernoulli().log_score(la.predict(X), Y)).mean()
    assert 0.0099 < cost <= 0.01


def test_scores_take_one_label_at_a_time():
    p, y = both()[0].predict(X), Y
    for score in (negative_log_likelihood, brier_score):
        assert np.isfinite([score(p[:, c], y[:, c]) for c in range(C)]).all()
        with pytest.raises(ValueError, match="p: expected rows that sum to 1, received"):
            score(p, y)
    likely = Bernoulli().log_score(p, y).mean()
    assert likely == pytest.approx(-sum(negative_log_likelihood(p[:, c], y[:, c]) for c in range(C)), rel=1e-14)


def test_a_contour_is_of_one_label():
    with pytest.raises(ValueError, match=r"^la: expected a classifier of one label a sample .*, received 3 labels"):
        plot_contour(both()[0], X, Y)
    assert not plt.get_fignums()


def test_labels_may_be_bool_int_or_float_and_nothing_else():
    for kind in (bool, np.uint8, int, float):
        np.testing.assert_array_equal(Bernoulli().check_targets(Y.astype(kind), N, C), Y)
    with pytest.raises(ValueError, match=r"y: expected shape \(60, 3\), a label for each output \(one of several"):
        Laplace(TOGETHER, THETA).fit(X, Y[:, 0])
    with pytest.raises(ValueError, match=r"y: expected shape \(60, 3\) of integer labels 0..1, received 2 at index"):
        Laplace(TOGETHER, THETA).fit(X, 2 * Y)
    with pytest.raises(ValueError, match=r"y: expected shape \(60,\) of integer labels 0..1, received shape \(60, 3\)"):
        Laplace(ALONE, THETAS[0]).fit(X, Y)

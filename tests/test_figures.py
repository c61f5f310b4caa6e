"""The figures of a run."""

from seqgen.training.figures import Figures


def test_a_model_with_fewer_errors_is_better_whatever_its_loss():
    figures = Figures(step=10)
    assert figures.validated(0.5, 0.6, valid_errors=0.2)
    figures.step = 20
    assert figures.validated(0.7, 0.3, valid_errors=0.1)
    figures.step = 30
    assert not figures.validated(0.4, 0.3, valid_errors=0.15)
    assert (figures.best_step, figures.best_valid_nats, figures.best_valid_errors) == (20, 0.7, 0.1)
    assert figures.validated(0.6, 0.3, valid_errors=0.1)  # as many errors, a lower loss


def test_without_errors_the_loss_decides():
    figures = Figures(step=10)
    assert figures.validated(0.5, 0.6)
    figures.step = 20
    assert not figures.validated(0.6, 0.3)
    figures.step = 30
    assert figures.validated(0.4, 0.3)


def test_the_best_model_on_the_disk_counts_by_its_errors():
    figures = Figures(best_valid_nats=0.5, best_step=10, best_valid_errors=0.2)
    figures.found(Figures(best_valid_nats=0.7, best_step=20, best_valid_errors=0.1))
    assert (figures.best_step, figures.best_valid_errors) == (20, 0.1)
    figures.found(Figures(best_valid_nats=0.1, best_step=30, best_valid_errors=0.3))
    assert figures.best_step == 20
